import { listensOn } from "./tcp_sockets.ts";
import { tool } from "../t.ts";
import { startProgram } from "../program/start_program.ts";

/** Starts haproxy with one thread, as a TCP proxy on some ports of 127.0.0.1. */
export async function startHaproxy(
  proxies: readonly { port: number; backend: string }[],
): Promise<AsyncDisposable> {
  const config = await Deno.makeTempFile({ prefix: "balance-haproxy-" });
  const sections = proxies.map(({ port, backend }) =>
    `listen on_${port}\n  bind 127.0.0.1:${port}\n  server s1 ${backend}\n`
  );
  await Deno.writeTextFile(
    config,
    `global
  nbthread 1
defaults
  mode tcp
  timeout connect 5s
  timeout client 30s
  timeout server 30s
${sections.join("")}`,
  );
  try {
    return await startProgram(tool("haproxy") ?? "haproxy", {
      args: ["-db", "-f", config],
      ready: () => proxies.every(({ port }) => listensOn(port)),
    });
  } finally {
    await Deno.remove(config);
  }
}
