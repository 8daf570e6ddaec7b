import { bugLine } from "../base/errors.ts";

/** Reports uncaught errors and continues: a bug in balance must not end unrelated connections. */
export function surviveBugs(notice: (line: string) => void): void {
  function report(event: Event, error: unknown): void {
    event.preventDefault();
    notice(bugLine(error));
  }
  addEventListener("error", (event) => report(event, event.error));
  addEventListener("unhandledrejection", (event) => report(event, event.reason));
}
