import { type Contender, MAX_CONNECTIONS, type Missing } from "./contender.ts";
import { tool } from "../../../test/helpers/t.ts";

/** pen, with round robin and without its client table. */
export function findPen(): Contender | Missing {
  const name = "pen";
  const program = tool(name);
  if (program === undefined) return { name, missing: "not installed" };
  return {
    name,
    version: "version unknown", // it has no option to print it
    note: "pen's buffers are fixed, and it has no idle timeout",
    start: ({ port, backendPort }) => ({
      command: [
        program,
        ...["-f", "-r", "-t", "5", "-q", "4096"],
        ...["-x", `${MAX_CONNECTIONS}`, "-c", `${MAX_CONNECTIONS}`],
        ...[`127.0.0.1:${port}`, `127.0.0.1:${backendPort}`],
      ],
    }),
  };
}
