import { bugLine } from "../base/errors.ts";

/**
 * Reports uncaught errors and goes on: a bug in balance must not end unrelated connections.
 *
 * @param notice Prints a line.
 */
export function surviveBugs(notice: (line: string) => void): void {
  addEventListener("error", (event) => {
    event.preventDefault();
    notice(bugLine(event.error));
  });
  addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    notice(bugLine(event.reason));
  });
}
