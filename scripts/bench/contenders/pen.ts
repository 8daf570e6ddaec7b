import { type Contender, type Missing, MOST_CONNECTIONS } from "./contender.ts";
import { findProgram } from "../system/programs.ts";

/** pen, round robin without its table of clients. */
export function findPen(): Contender | Missing {
  const name = "pen";
  const program = findProgram(name);
  if (program === undefined) return { name, missing: "not installed" };
  return {
    name,
    version: "version unknown", // it has no option to tell
    note: "pen's buffers can't be chosen, and it has no idle limit",
    start: ({ port, backendPort }) => ({
      command: [
        program,
        ...["-f", "-r", "-t", "5", "-q", "4096"],
        ...["-x", `${MOST_CONNECTIONS}`, "-c", `${MOST_CONNECTIONS}`],
        ...[`127.0.0.1:${port}`, `127.0.0.1:${backendPort}`],
      ],
    }),
  };
}
