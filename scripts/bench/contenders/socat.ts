import type { Contender, Missing } from "./contender.ts";
import { tool } from "../../../test/helpers/t.ts";
import { output } from "../system/output.ts";

/** socat, one process for each connection. Default buffer 8 KiB. */
export async function findSocat(): Promise<Contender | Missing> {
  const name = "socat";
  const program = tool(name);
  if (program === undefined) return { name, missing: "not installed" };
  const { text } = await output([program, "-V"]);
  return {
    name,
    version: /socat version (\S+)/.exec(text)?.[1] ?? "version unknown",
    forks: true,
    start: ({ port, backendPort, buffers }) => ({
      command: [
        program,
        ...(buffers === "256K" ? ["-b", "262144"] : []),
        ...["-T", "3600"],
        `TCP4-LISTEN:${port},bind=127.0.0.1,reuseaddr,fork,backlog=4096,nodelay,keepalive`,
        `TCP4:127.0.0.1:${backendPort},nodelay,keepalive`,
      ],
    }),
  };
}
