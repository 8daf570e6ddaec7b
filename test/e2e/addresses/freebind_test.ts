/** `--freebind`: balance listens on an address before its host has it. */

import { assertEquals, assertMatch } from "@std/assert";
import { type Namespace, namespace, whyNoNamespaces } from "../../helpers/pair/namespace.ts";
import { program } from "../../helpers/program/program.ts";
import { startProgram } from "../../helpers/program/start_program.ts";
import { runBalance } from "../../helpers/program/start_balance.ts";
import { runDirectory } from "../../helpers/run_directory.ts";
import { skip, t, until } from "../../helpers/t.ts";

const BACKEND = 7000, PORT = 8080, CLIENTS = 8;
const why = await whyNoNamespaces();

/** Starts a backend that answers each connection with `hello`. */
function startBackend(host: Namespace) {
  const { command, args } = host.inside("socat", [
    `TCP-LISTEN:${BACKEND},bind=127.0.0.1,fork,reuseaddr`,
    "SYSTEM:echo hello",
  ]);
  return startProgram(command, { args, ready: () => isListening(host, `:${BACKEND}`) });
}

async function isListening(host: Namespace, end: string): Promise<boolean> {
  return (await host.run("ss", "-ltnH")).split("\n").some((line) => line.includes(`${end} `));
}

function ask(host: Namespace, address: string): Promise<string> {
  const at = address.includes(":") ? `TCP6:[${address}]` : `TCP4:${address}`;
  return host.run("socat", "-T5", "-,ignoreeof", `${at}:${PORT},connect-timeout=5`);
}

function startIn(host: Namespace, rundir: string, argv: string[]) {
  const { command, args } = program({ cachedOnly: true, argv });
  const inside = host.inside("env", [`BALANCE_RUNDIR=${rundir}`, command, ...args, ...argv]);
  return startProgram(inside.command, {
    args: inside.args,
    timeoutMs: 30_000,
    ready: () => [...Deno.readDirSync(rundir)].some(({ name }) => name.startsWith("balance.")),
  });
}

for (const address of ["192.0.2.9", "2001:db8::9"]) {
  for (const engine of ["streams", "epoll"]) {
    for (const workers of ["1", "4"]) {
      const name =
        `${engine}, ${workers} workers: clients of ${address} are served once it is there`;
      if (why !== undefined) {
        skip(name, why);
        continue;
      }
      t(name, async () => {
        await using host = await namespace();
        using directory = runDirectory();
        await using _backend = await startBackend(host);
        const where = ["--freebind", "-b", address, `${PORT}`, `127.0.0.1:${BACKEND}`];
        const argv = ["-f", "--engine", engine, "--workers", workers, ...where];
        await using balance = await startIn(host, directory.path, argv);
        await until(() => isListening(host, `:${PORT}`), { what: "balance to listen" });
        // The address comes, goes and comes back, as in a pair of machines.
        const [prefix, flags] = address.includes(":") ? ["/128", ["nodad"]] : ["/32", []];
        for (let round = 0; round < 2; round++) {
          await host.run("ip", "address", "add", `${address}${prefix}`, "dev", "lo", ...flags);
          const answers = Array.from({ length: CLIENTS }, () => ask(host, address));
          assertEquals(await Promise.all(answers), Array(CLIENTS).fill("hello\n"));
          await host.run("ip", "address", "del", `${address}${prefix}`, "dev", "lo");
        }
        // It stops at once, and the port is free.
        balance.kill("SIGTERM");
        await until(async () => !await isListening(host, `:${PORT}`), { what: "it to end" });
        assertEquals(balance.output, "");
      });
    }
  }
}

const takeover = "a takeover on the machine that does not have the address now";
if (why !== undefined) skip(takeover, why);
else {
  t(takeover, async () => {
    await using host = await namespace();
    using directory = runDirectory();
    await using _backend = await startBackend(host);
    const where = ["--freebind", "-b", "192.0.2.9", `${PORT}`, `127.0.0.1:${BACKEND}`];
    await using old = await startIn(host, directory.path, ["-f", ...where]);
    await using _next = await startIn(host, directory.path, ["-f", "--takeover", ...where]);
    await until(() => old.ended, { timeoutMs: 15_000, what: "the predecessor to end" });
    await host.run("ip", "address", "add", "192.0.2.9/32", "dev", "lo");
    assertEquals(await ask(host, "192.0.2.9"), "hello\n");
  });
}

t("without --freebind, an address of another host is an error as before", async () => {
  const { code, stderr } = await runBalance(["-f", "-b", "192.0.2.9", "PORT", "127.0.0.1:9"]);
  assertEquals(code, 69);
  assertMatch(stderr, /192\.0\.2\.9 is not an address of this host\n$/);
});

t("two ordinary starts on the same free address: the second one fails", async () => {
  if (Deno.build.os !== "linux") return;
  using directory = runDirectory();
  const argv = ["--freebind", "-b", "192.0.2.9", "PORT", "127.0.0.1:9"];
  const { startBackground } = await import("../../helpers/program/start_background.ts");
  await using first = await startBackground(argv, { rundir: directory.path, address: "192.0.2.9" });
  const { port } = first;
  const { code, stderr } = await runBalance(["-f", ...argv], { port, rundir: directory.path });
  assertEquals([code, stderr], [
    69,
    `balance: can't bind local address 192.0.2.9:${port}: address already in use\n`,
  ]);
});
