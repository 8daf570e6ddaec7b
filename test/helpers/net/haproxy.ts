import { listensOn } from "./tcp_sockets.ts";
import { tool } from "../t.ts";
import { type Running, startProgram } from "../program/start_program.ts";

/** Starts haproxy with one thread, as a TCP proxy on some ports of 127.0.0.1. */
export function startHaproxy(
  proxies: readonly { port: number; backend: string }[],
): Promise<Running> {
  return haproxyWith(
    proxies.map(({ port, backend }) =>
      `listen on_${port}\n  bind 127.0.0.1:${port}\n  server s1 ${backend}\n`
    ).join(""),
    proxies.map(({ port }) => port),
  );
}

/**
 * Starts haproxy with one thread, in TCP mode unless a section sets another mode.
 *
 * @param sections Of its configuration, such as `listen NAME` with its lines.
 * @param ports It is ready when it listens on these.
 */
export async function haproxyWith(sections: string, ports: readonly number[]): Promise<Running> {
  const config = await Deno.makeTempFile({ prefix: "balance-haproxy-" });
  await Deno.writeTextFile(
    config,
    `global
  nbthread 1
defaults
  mode tcp
  timeout connect 5s
  timeout client 30s
  timeout server 30s
${sections}`,
  );
  try {
    return await startProgram(tool("haproxy") ?? "haproxy", {
      args: ["-db", "-f", config],
      ready: () => ports.every((port) => listensOn(port)),
    });
  } finally {
    await Deno.remove(config);
  }
}
