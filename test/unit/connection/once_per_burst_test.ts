import { assertEquals } from "@std/assert";
import { Clock } from "../../../lib/connection/clock.ts";
import { oncePerBurst } from "../../../lib/connection/once_per_burst.ts";
import { serve } from "../../../lib/connection/accept_loop.ts";
import { denoEngine } from "../../../lib/engine/deno/deno_engine.ts";
import type { Link, Listener } from "../../../lib/engine/engine.ts";
import { newTable } from "../../../lib/table/table.ts";
import { t, until } from "../../helpers/t.ts";

t("oncePerBurst() says a line once, and again when it was quiet for ten seconds", () => {
  const said: string[] = [];
  let now = 0;
  const voice = oncePerBurst((line) => said.push(`${now} ${line}`), () => now);
  for (now = 0; now < 30_000; now += 100) voice.say("short");
  voice.say("other");
  now += 10_001;
  voice.say("short");
  assertEquals(said, ["0 short", "30000 other", "40001 short"]);
  // It was silent, but nothing was better.
  now += 60_000;
  voice.lasted("short");
  now += 100;
  voice.say("short");
  assertEquals(said.length, 3);
});

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
