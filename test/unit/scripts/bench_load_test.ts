import { assert, assertEquals, assertRejects } from "@std/assert";
import { buildGenerator } from "../../../scripts/bench/load/generator.ts";
import { runOpenLoop } from "../../../scripts/bench/load/open_loop.ts";
import { t, withTools } from "../../helpers/t.ts";
import { tempDir } from "../../helpers/temp_dir.ts";

const NOWHERE = { port: 1, connections: 1, seconds: 1, rate: 1 };

/** A load generator in shell. */
function script(text: string): string[] {
  return ["sh", "-c", text, "load"];
}

/** Collects the calls of a watcher. */
function watcher(calls: string[] = []) {
  return {
    calls,
    started: () => void calls.push("started"),
    finished: () => void calls.push("finished"),
  };
}

/** A server that answers each piece of input with 200 bytes, and counts requests and closed ends. */
function answeringServer() {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const requests: number[] = [];
  let closed = 0;
  const serve = async (conn: Deno.TcpConn) => {
    const i = requests.push(0) - 1, buffer = new Uint8Array(4096);
    while (await conn.read(buffer).catch(() => null) !== null) {
      requests[i]!++;
      await conn.write(new Uint8Array(200));
    }
    closed++;
    conn.close();
  };
  const serving: Promise<void>[] = [];
  const accepting = (async () => {
    for await (const conn of listener) serving.push(serve(conn));
  })();
  return {
    port: listener.addr.port,
    requests,
    closed: () => closed,
    async [Symbol.asyncDispose]() {
      listener.close();
      await accepting;
      await Promise.all(serving);
    },
  };
}

t("runOpenLoop reports both ends of the measured time, and then ends the load", async () => {
  const { calls, ...observer } = watcher();
  const load = await runOpenLoop(
    // It waits for the end of its stdin, as load.c does.
    script('echo measuring; sleep 0.1; echo "{\\"count\\":7}"; cat >/dev/null'),
    NOWHERE,
    observer,
  );
  assertEquals(calls, ["started", "finished"]);
  assertEquals(load.count, 7);
});

t("runOpenLoop fails with the message of a load that ends early", async () => {
  const { calls, ...observer } = watcher();
  const load = runOpenLoop(script("echo measuring; echo refused >&2; exit 1"), NOWHERE, observer);
  await assertRejects(() => load, Error, "refused");
  assertEquals(calls, ["started"]);
});

t("runOpenLoop fails if nothing was completed", async () => {
  const text = 'echo measuring; echo "{\\"count\\":0,\\"errors\\":3}"; cat >/dev/null';
  await assertRejects(
    () => runOpenLoop(script(text), NOWHERE, watcher()),
    Error,
    "nothing completed, 3 errors",
  );
});

withTools(["cc"], "load.c sends on schedule over all connections, which stay open", async () => {
  using folder = tempDir();
  await using server = answeringServer();
  const { load, slow } = await buildGenerator(folder.path);
  assert(!slow, "load.c does not compile");
  const open: number[] = [];
  const result = await runOpenLoop(
    load,
    { port: server.port, connections: 10, seconds: 1, rate: 200 },
    {
      started: () => void open.push(server.requests.length - server.closed()),
      finished: () => void open.push(server.requests.length - server.closed()),
    },
  );
  assertEquals(open, [10, 10]);
  assertEquals(result.errors, 0);
  // Four fifths of 200 are measured; on a busy machine some are late at either end.
  assert(result.count > 100 && result.count < 200, `${result.count} requests`);
  assert(result.seconds > 0.5 && result.seconds < 1.5, `${result.seconds} s`);
  assert(result.p50 > 0 && result.p50 <= result.p99 && result.p99 <= result.worst);
  // In turn: no connection is more than a few requests ahead of another one.
  const counts = server.requests.toSorted((a, b) => a - b);
  assert(counts[0]! >= counts.at(-1)! - 6, `requests by connection: ${counts}`);
});
