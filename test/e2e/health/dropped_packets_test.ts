/** Hosts whose packets are dropped, in network namespaces. */

import { assert, assertEquals } from "@std/assert";
import { answers, socketPath } from "../../helpers/net/control_socket.ts";
import {
  BACKEND_PORT,
  type ThreeHosts,
  threeHosts,
  whyNoHosts,
} from "../../helpers/net/three_hosts.ts";
import { program } from "../../helpers/program/program.ts";
import { skip, t, until } from "../../helpers/t.ts";
import { tempDir } from "../../helpers/temp_dir.ts";

const PORT = 8080;
const whyNot = await whyNoHosts();
const onHosts = (name: string, run: () => Promise<void>) =>
  whyNot === undefined ? t(name, run) : skip(name, whyNot);

/** Runs balance on the front host, with both backends as its channels. */
async function startOnFront(hosts: ThreeHosts, options: readonly string[]) {
  await using opened = new AsyncDisposableStack();
  const { path } = opened.use(tempDir());
  const argv = ["-f", ...options, `${PORT}`];
  const channels = hosts.backends.map(({ address }) => `${address}:${BACKEND_PORT}`);
  const { command, args } = program({ cachedOnly: true, argv });
  const front = hosts.onFront(command, [...args, ...argv, ...channels]);
  const child = new Deno.Command(front.command, {
    args: front.args,
    env: { BALANCE_RUNDIR: path },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  let stderr = "", running = true;
  const ended = child.status.finally(() => running = false);
  const reading = (async () => {
    for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) stderr += text;
  })();
  opened.defer(async () => {
    if (running) child.kill("SIGTERM");
    await ended;
    await reading;
  });
  await until(() => answers(socketPath(path, PORT)), {
    timeoutMs: 30_000,
    what: () => `balance; stderr: ${stderr}`,
  });
  const all = opened.move();
  return {
    get stderr() {
      return stderr;
    },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

onHosts("with a host that drops packets, one client in ten seconds waits for -t", async () => {
  await using hosts = await threeHosts();
  await using balance = await startOnFront(hosts, ["-t", "2"]);
  await hosts.backends[0].setDropping(true);
  const started = performance.now();
  const clients = await hosts.askInTurn(PORT, 100);
  const slow = clients.filter(({ ms }) => ms > 1500).length;
  assertEquals(new Set(clients.map(({ answer }) => answer)), new Set(["B1"]));
  const allowed = 1 + Math.floor((performance.now() - started) / 10_000);
  assert(slow >= 1 && slow <= allowed, `${slow} of 100 clients waited`);
  assertEquals(balance.stderr, "");
});

onHosts("a host that drops packets is down for its check, and up again afterwards", async () => {
  await using hosts = await threeHosts();
  const check = ["--check", "tcp", "--interval", "0.2", "--check-timeout", "1"];
  await using balance = await startOnFront(hosts, check);
  const names = async (count: number) =>
    new Set((await hosts.askInTurn(PORT, count)).map(({ answer }) => answer));
  assertEquals(await names(4), new Set(["B0", "B1"]));
  await hosts.backends[0].setDropping(true);
  await until(() => balance.stderr !== "", { timeoutMs: 20_000, what: "the line" });
  const address = `${hosts.backends[0].address}:${BACKEND_PORT}`;
  const down = `channel 0.0 ${address} is down: timeout after 1 s (3 of 3 checks)\n`;
  assertEquals(balance.stderr, down);
  const clients = await hosts.askInTurn(PORT, 20);
  assert(clients.every(({ answer, ms }) => answer === "B1" && ms < 2000));
  await hosts.backends[0].setDropping(false);
  const up = `channel 0.0 ${address} is up: connected (2 of 2 checks)\n`;
  await until(() => balance.stderr === down + up, { timeoutMs: 20_000, what: "the second line" });
  assertEquals(await names(4), new Set(["B0", "B1"]));
});
