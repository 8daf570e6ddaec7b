import { assertEquals, assertMatch } from "@std/assert";
import { Clock } from "../../../lib/connection/clock.ts";
import { serve } from "../../../lib/connection/accept_loop.ts";
import { denoEngine } from "../../../lib/engine/deno/deno_engine.ts";
import type { Link, Listener } from "../../../lib/engine/engine.ts";
import { newTable } from "../../../lib/table/table.ts";
import { named } from "../../helpers/net/backends.ts";
import { ask } from "../../helpers/net/client.ts";
import { t, until } from "../../helpers/t.ts";

t("serve() says a shortage of descriptors once per burst, though some are accepted", async () => {
  const said: string[] = [];
  const ended = Promise.withResolvers<never>();
  let accepts = 0;
  const link: Link = {
    remote: { address: "127.0.0.1", port: 1 },
    local: { address: "127.0.0.1", port: 2 },
    close() {},
  };
  const listener: Listener = {
    local: link.local,
    accept() {
      if (++accepts > 6) return ended.promise;
      if (accepts % 2 === 0) return Promise.resolve(link);
      return Promise.reject(Object.assign(new Error("Too many open files"), { code: "EMFILE" }));
    },
    close: () => ended.reject(new Deno.errors.BadResource()),
  };
  const table = newTable({ groups: 1, channels: 1, workers: 1 });
  table.add(0, { address: new Uint8Array([127, 0, 0, 1]), port: 9, maxc: 0 });
  const serving = serve(listener, {
    // No connection gets a descriptor either: that is said as well.
    engine: { ...denoEngine, dial: () => Promise.resolve("no descriptor") },
    table,
    clock: new Clock(),
    options: { connectTimeoutMs: 1000, idleTimeoutMs: 0, hashFailover: false, autoDisable: true },
    notice: (line) => said.push(line),
  });
  await until(() => accepts > 6 && serving.connections.size === 0, { what: "six accepts" });
  serving.stopNow();
  await serving.done;
  assertEquals(said, [
    "cannot accept connections: Too many open files",
    "cannot connect to backends: no descriptor",
  ]);
});

t("serve() says a bug that one connection meets, and serves the next", async () => {
  await using server = named("B0");
  const table = newTable({ groups: 1, channels: 1, workers: 1 });
  table.add(0, { address: new Uint8Array([127, 0, 0, 1]), port: server.port });
  const said: string[] = [];
  let dials = 0;
  const listener = denoEngine.listen({ address: "127.0.0.1", port: 0 });
  const { port } = listener.local;
  const serving = serve(listener, {
    engine: {
      ...denoEngine,
      dial: (to, options) => {
        if (dials++ === 0) throw new TypeError("a bug");
        return denoEngine.dial(to, options);
      },
    },
    table,
    clock: new Clock(),
    options: { connectTimeoutMs: 1000, idleTimeoutMs: 0, hashFailover: false, autoDisable: false },
    notice: (line) => said.push(line),
  });
  assertEquals([await ask(port), await ask(port)], ["EOF", "B0"]);
  await until(() => table.c(0, 0) === 0, { what: "the claims" });
  await serving.stop();
  await serving.done;
  assertEquals(said.length, 1);
  assertMatch(said[0]!, /^internal error: a bug at .*$/);
});
