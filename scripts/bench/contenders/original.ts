import type { Contender, Missing } from "./contender.ts";
import { tool } from "../../../test/helpers/t.ts";
import { output } from "../system/output.ts";

/** The original `balance` (3.x), one process for each connection. */
export async function findOriginal(): Promise<Contender | Missing> {
  const name = "original";
  const program = tool("balance");
  if (program === undefined) return { name, missing: "no program [balance] on PATH" };
  // Without arguments it prints its name, version and usage.
  const { text } = await output([program]);
  const version = /balance (\d+)\.(\d+)/.exec(text);
  if (Number(version?.[1] ?? 0) >= 4) {
    return { name, missing: `[${program}] is ${version?.[0]}, not the original` };
  }
  return {
    name,
    version: version === null ? "version unknown" : `${version[1]}.${version[2]}`,
    note: "the original's buffers are fixed, and it does not forward a half-close",
    forks: true,
    start: ({ port, backendPort }) => ({
      command: [
        program,
        ...["-f", "-b", "127.0.0.1", "-T", "3600", `${port}`, `127.0.0.1:${backendPort}`],
      ],
    }),
  };
}
