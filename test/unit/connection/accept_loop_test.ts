import { assert, assertEquals, assertMatch } from "@std/assert";
import { serve } from "../../../lib/connection/accept/accept_loop.ts";
import type { ConnectionContext } from "../../../lib/connection/context.ts";
import { denoEngine } from "../../../lib/engine/deno/deno_engine.ts";
import type { AcceptedLink, AcceptFailure, Listener } from "../../../lib/engine/engine.ts";
import { newTable } from "../../../lib/table/table.ts";
import { dialsWith } from "../../helpers/engine/awaited.ts";
import { named } from "../../helpers/net/backends.ts";
import { ask } from "../../helpers/net/client.ts";
import {
  CONNECTION_OPTIONS,
  connectionContext,
} from "../../helpers/connection/connection_context.ts";
import { t, until } from "../../helpers/t.ts";

t(
  "serve() reports a shortage of descriptors once per burst, even if some accepts succeed",
  async () => {
    const notices: string[] = [];
    const ended = Promise.withResolvers<AcceptFailure>();
    let accepts = 0;
    const link: AcceptedLink = {
      remote: { address: "127.0.0.1", port: 1 },
      local: { address: "127.0.0.1", port: 2 },
      close() {},
    };
    const listener: Listener = {
      local: link.local,
      accept() {
        if (++accepts > 6) return ended.promise;
        if (accepts % 2 === 0) return Promise.resolve(link);
        return Promise.resolve({ failure: "shortage", reason: "Too many open files" });
      },
      close: () => ended.resolve({ failure: "closed", reason: "" }),
    };
    const table = newTable({ groups: 1, channels: 1, workers: 1 });
    table.add(0, { address: new Uint8Array([127, 0, 0, 1]), port: 9, maxc: 0 });
    const context = connectionContext(table, {
      // Dials get no descriptor either, which is reported separately.
      engine: dialsWith(() => "no descriptor"),
      options: { ...CONNECTION_OPTIONS, autoDisable: true },
      notice: (line) => notices.push(line),
    });
    const serving = serve(listener, context);
    await until(() => accepts > 6 && serving.connections.size === 0, {
      what: "six accepts to finish",
    });
    serving.stopNow();
    await serving.done;
    assertEquals(notices, [
      "cannot accept connections: Too many open files",
      "cannot connect to backends: no descriptor",
    ]);
  },
);

t("serve() reports a bug in one connection, and serves the next", async () => {
  await using server = named("B0");
  const table = newTable({ groups: 1, channels: 1, workers: 1 });
  table.add(0, { address: new Uint8Array([127, 0, 0, 1]), port: server.port });
  const notices: string[] = [];
  let dials = 0;
  const listener = denoEngine.listen({ address: "127.0.0.1", port: 0 });
  assert(!("failure" in listener));
  const { port } = listener.local;
  const context = connectionContext(table, {
    engine: {
      ...denoEngine,
      dial: (to, options, observer) => {
        if (dials++ === 0) throw new TypeError("a bug");
        return denoEngine.dial(to, options, observer);
      },
    },
    notice: (line) => notices.push(line),
  });
  const serving = serve(listener, context);
  assertEquals([await ask(port), await ask(port)], ["EOF", "B0"]);
  await until(() => table.c(0, 0) === 0, { what: "the claims to be released" });
  await serving.stop();
  await serving.done;
  assertEquals(notices.length, 1);
  assertMatch(notices[0]!, /^internal error: a bug at .*$/);
});

/** A listener whose backlog never gets empty; accepting takes a turn of the event loop. */
function fullBacklog(): { listener: Listener; accepts: () => number } {
  const ended = Promise.withResolvers<AcceptFailure>();
  let accepts = 0, isClosed = false;
  const link: AcceptedLink = {
    remote: { address: "127.0.0.1", port: 1 },
    local: { address: "127.0.0.1", port: 2 },
    close() {},
  };
  return {
    accepts: () => accepts,
    listener: {
      local: link.local,
      accept() {
        if (isClosed) return ended.promise;
        accepts++;
        return denoEngine.nextTurn().then(() => link);
      },
      close() {
        isClosed = true;
        ended.resolve({ failure: "closed", reason: "" });
      },
    },
  };
}

/** A context whose connections end at once, because there is no channel. */
function withoutChannels(parts: Partial<ConnectionContext> = {}): ConnectionContext {
  return connectionContext(newTable({ groups: 1, channels: 1, workers: 1 }), parts);
}

t("serve() does not wait for room in the log once it stops", async () => {
  const { listener, accepts } = fullBacklog();
  const serving = serve(listener, withoutChannels({ room: () => new Promise(() => {}) }));
  await new Promise((resolve) => setTimeout(resolve, 0));
  assertEquals(accepts(), 0);
  await serving.stop();
  await serving.done;
  assert(accepts() > 0);
});
