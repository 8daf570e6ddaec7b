/** A takeover while clients wait to be accepted: the old program accepts all of them. */

import { assert, assertEquals } from "@std/assert";
import { writeAll } from "../../../lib/base/bytes.ts";
import { whyNot } from "../../helpers/engine/can_run.ts";
import { backend } from "../../helpers/net/backends.ts";
import { readToEnd } from "../../helpers/net/client.ts";
import { startBackground } from "../../helpers/program/start_background.ts";
import { startControlled } from "../../helpers/program/start_controlled.ts";
import { runDirectory } from "../../helpers/run_directory.ts";
import { startLoad } from "../../helpers/takeover/load.ts";
import { skip, sleep, t, until } from "../../helpers/t.ts";

/** Leave room for far fewer connections than there are clients. */
const DESCRIPTORS = { streams: 80, epoll: 105 } as const;
/** Milliseconds that each connection takes: most clients wait longer than the old program must. */
const ANSWER_MS = 1000;
const FULL = /^cannot accept more connections: file descriptor limit reached\n/;

for (const engine of ["streams", "epoll"] as const) {
  const name = "50 clients that connect in a loop to a program that cannot accept most of them " +
    `see no error during a takeover, ${engine}`;
  const reason = whyNot(engine);
  if (reason !== undefined) skip(name, reason);
  else t(name, () => takeOverWithQueue(engine));
}

async function takeOverWithQueue(engine: "streams" | "epoll"): Promise<void> {
  let open = 0, most = 0;
  await using slow = backend(async (conn) => {
    most = Math.max(most, ++open);
    try {
      await sleep(ANSWER_MS);
      await writeAll(conn, new TextEncoder().encode("B0\n"));
      await readToEnd(conn);
    } finally {
      open--;
    }
  });
  using directory = runDirectory();
  const own = ["--engine", engine, "--workers", "1"];
  await using old = await startControlled(["-f", ...own, "PORT", slow.address], {
    before: `ulimit -n ${DESCRIPTORS[engine]}`,
    env: { BALANCE_RUNDIR: directory.path },
    expectStderr: FULL,
  });
  const { port } = old;
  await using load = startLoad(port, { clients: 50, transfers: 0, transferMs: 0 });
  await old.waitForStderr(FULL, 20_000);
  await until(() => load.served > 30, { timeoutMs: 30_000 });
  const atOnce = most;
  const at = { port, rundir: directory.path };
  await using _next = await startBackground(["--takeover", ...own, "PORT", slow.address], at);
  assertEquals((await old.ended).code, 0);
  const { served } = load;
  await until(() => load.served > served + 50, { timeoutMs: 30_000 });
  await load.end();
  assertEquals(load.errors, {});
  assert(atOnce < 25, `${atOnce} connections at a time, so too few clients had to wait`);
}
