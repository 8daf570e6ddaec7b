import { bugLine } from "../base/errors.ts";

/**
 * Says what nobody caught, and goes on: it is a bug of ours, and must not end the connections of
 * everybody.
 *
 * @param say Says a line.
 */
export function surviveBugs(say: (line: string) => void): void {
  addEventListener("error", (event) => {
    event.preventDefault();
    say(bugLine(event.error));
  });
  addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    say(bugLine(event.reason));
  });
}
