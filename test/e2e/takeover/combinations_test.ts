/** Takeovers between engines, numbers of workers, and source and executable: nothing is lost. */

import { assertEquals } from "@std/assert";
import { named } from "../../helpers/net/backends.ts";
import { helloOf, socketPath } from "../../helpers/net/control_socket.ts";
import { freePort } from "../../helpers/net/ports.ts";
import { listenersOn } from "../../helpers/net/tcp_sockets.ts";
import { isAlive } from "../../helpers/program/process.ts";
import { sourceFlags } from "../../helpers/program/program.ts";
import { runBalance } from "../../helpers/program/start_balance.ts";
import { runProgram } from "../../helpers/program/start_program.ts";
import { runDirectory } from "../../helpers/run_directory.ts";
import { startLoad } from "../../helpers/takeover/load.ts";
import { skip, t, until } from "../../helpers/t.ts";

const MAIN = new URL("../../../main.ts", import.meta.url).pathname;

/** A program: its arguments, and whether it runs from source, whatever is under test. */
interface Kind {
  readonly argv: readonly string[];
  readonly source?: boolean;
}

const streams = (workers: number): Kind => ({
  argv: [`--engine=streams`, `--workers=${workers}`],
});
const epoll = (workers: number): Kind => ({
  argv: [`--engine=epoll`, `--workers=${workers}`],
});

const CHAINS: Readonly<Record<string, readonly Kind[]>> = {
  "from one worker to several and back": [streams(1), streams(2), streams(1)],
  "from several workers to more, and to fewer": [streams(2), streams(3), streams(2), streams(4)],
  "from many workers to one": [streams(1), streams(4), streams(1)],
  "from one engine to the other and back": [streams(1), epoll(1), streams(1)],
  "from one engine to the other with several workers": [
    ...[epoll(2), streams(2), epoll(2), epoll(1), streams(3), epoll(2)],
  ],
};

for (const [what, chain] of Object.entries(CHAINS)) {
  t(`takeovers ${what} lose nothing`, () => follow(chain));
}

const name = "takeovers from source to the executable and back lose nothing";
if (!Deno.env.get("BALANCE_BIN")) skip(name, "BALANCE_BIN names no executable");
else {
  const source = (kind: Kind): Kind => ({ ...kind, source: true });
  t(
    name,
    () => follow([source(streams(1)), streams(2), source(epoll(1)), epoll(2), source(streams(2))]),
  );
}

async function start({ argv, source }: Kind, at: { port: number; rundir: string }): Promise<void> {
  const { code, stderr } = source
    ? await runProgram(Deno.execPath(), [...sourceFlags(), MAIN, ...argv], {
      env: { BALANCE_RUNDIR: at.rundir },
    })
    : await runBalance(argv, at);
  assertEquals([code, stderr], [0, ""]);
}

async function follow(chain: readonly Kind[]): Promise<void> {
  await using backend = named("B0");
  using directory = runDirectory();
  const port = freePort(), at = { port, rundir: directory.path };
  const socket = socketPath(at.rundir, port), pids: number[] = [];
  const [first, ...rest] = chain;
  const common = ["--grace", "60", String(port), backend.address];
  try {
    await start({ ...first!, argv: [...first!.argv, ...common] }, at);
    pids.push((await helloOf(socket)).pid);
    await using load = startLoad(port, { clients: 30, transfers: 30, transferMs: 2000 });
    for (const kind of rest) {
      const { served } = load;
      await until(() => load.served > served + 20, { timeoutMs: 20_000 });
      await start({ ...kind, argv: ["--takeover", ...kind.argv, ...common] }, at);
      pids.push((await helloOf(socket)).pid);
      // All workers of a program share one socket.
      await until(() => listenersOn(port) === 1, {
        timeoutMs: 30_000,
        what: `one socket, instead of ${listenersOn(port)}`,
      });
    }
    const { served } = load;
    await until(() => load.served > served + 20, { timeoutMs: 20_000 });
    await load.end();
    assertEquals(load.errors, {});
    await until(() => pids.filter(isAlive).length === 1, { timeoutMs: 10_000 });
  } finally {
    for (const pid of pids) if (isAlive(pid)) Deno.kill(pid, "SIGKILL");
    await until(() => !pids.some(isAlive));
  }
}
