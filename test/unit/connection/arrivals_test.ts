/** Connections whose PROXY header is awaited, in an accept loop whose engine the test plays. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { serve } from "../../../lib/connection/accept/accept_loop.ts";
import type { ConnectionContext } from "../../../lib/connection/context.ts";
import { denoEngine } from "../../../lib/engine/deno/deno_engine.ts";
import type {
  AcceptedLink,
  AcceptFailure,
  Engine,
  HeaderObserver,
  Listener,
} from "../../../lib/engine/engine.ts";
import { newTable } from "../../../lib/table/table.ts";
import { connectionContext } from "../../helpers/connection/connection_context.ts";
import { v1 } from "../../helpers/proxy_protocol/reference.ts";
import { t, until } from "../../helpers/t.ts";

const CLIENT = { address: "192.0.2.1", port: 5 }, SITE = { address: "192.0.2.80", port: 443 };

/** One connection from a trusted peer, and all that happens to it. */
function arrival(options: { context?: Partial<ConnectionContext>; engine?: Partial<Engine> } = {}) {
  const ended = Promise.withResolvers<AcceptFailure>(), happened: string[] = [];
  const observers: HeaderObserver[] = [];
  const link: AcceptedLink = {
    remote: { address: "10.0.0.1", port: 1 },
    local: { address: "10.0.0.2", port: 2 },
    close: () => void happened.push("close"),
    reset: () => void happened.push("reset"),
  };
  const links = [link];
  const listener: Listener = {
    local: link.local,
    accept: () => Promise.resolve(links.shift() ?? ended.promise),
    close: () => ended.resolve({ failure: "closed", reason: "" }),
  };
  const engine: Engine = {
    ...denoEngine,
    readHeader: (_link, _maxBytes, observer) => void observers.push(observer),
    ...options.engine,
  };
  const context = connectionContext(newTable({ groups: 1, channels: 1, workers: 1 }), {
    engine,
    admission: {
      expectsHeader: (peer) => peer === "10.0.0.1",
      enter: (client) => void happened.push(`enter ${client}`),
      adopt() {},
      leave: (client) => void happened.push(`leave ${client}`),
      pauseMs: () => 0,
      accepted: () => happened.push("accepted") * 0,
      uncount: (ageMs = -1) => void happened.push(ageMs < 0 ? "uncount" : "uncount late"),
    },
    refused: ({ id, client, badHeader }) =>
      void happened.push(`refused ${id} ${client.address} ${badHeader?.fault}`),
    monitor: {
      started: ({ id, client, peer }) =>
        void happened.push(`started ${id} ${client.address} ${peer?.address}`),
      ended: ({ reason }) => void happened.push(`ended: ${reason}`),
      refused: (reason, fault) => void happened.push(`counted ${reason}, ${fault}`),
      header: (change) => void happened.push(`header ${change}`),
    },
    ...options.context,
  });
  const serving = serve(listener, context);
  return {
    serving,
    happened,
    /** The observer of its header, once the connection was accepted. */
    observer: () => until(() => observers[0], { what: "the header to be read" }),
    async stop() {
      serving.stopNow();
      await serving.done;
    },
  };
}

t("a connection starts with its header, as that client, and leaves once", async () => {
  const one = arrival(), observer = await one.observer(), header = v1(CLIENT, SITE);
  const [waiting] = one.serving.arrivals;
  const { id, client, state } = waiting!.info();
  assertEquals([id, client.address, state], [1, "10.0.0.1", "header"]);
  assertEquals(observer.arrived(header.subarray(0, 20)), undefined);
  assertEquals(observer.arrived(header), header.length);
  assertEquals(one.happened, ["accepted", "header 1"]);
  observer.over();
  assertEquals(one.serving.arrivals.size, 0);
  await until(() => one.happened.includes("leave 192.0.2.1"), { what: "the client to leave" });
  await one.stop();
  // There is no channel.
  assertEquals(one.happened, [
    ...["accepted", "header 1", "header -1", "enter 192.0.2.1", "started 1 192.0.2.1 10.0.0.1"],
    ...["ended: nothing available", "close", "leave 192.0.2.1"],
  ]);
});

t("a bad header is refused and reset; nobody enters, and a second end has no effect", async () => {
  const one = arrival(), observer = await one.observer();
  assertEquals(observer.arrived(new TextEncoder().encode("GET /")), 0);
  observer.over();
  observer.over();
  assertEquals(observer.arrived(v1(CLIENT, SITE)), 0);
  await one.stop();
  assertEquals(one.happened, [
    ...["accepted", "header 1", "header -1", "uncount late"],
    ...[
      "counted bad proxy header, not_a_header",
      "refused 1 10.0.0.1 not_a_header",
      "reset",
      "close",
    ],
  ]);
});

t("an arrival that is closed ends at once, for that reason", async () => {
  const one = arrival(), observer = await one.observer();
  const [waiting] = one.serving.arrivals;
  waiting!.close("closed by control");
  waiting!.close("shutdown");
  // The engine reports the end of the link.
  observer.over();
  await one.stop();
  assertEquals(one.happened, [
    ...["accepted", "header 1", "header -1", "started 1 10.0.0.1 undefined"],
    ...["ended: closed by control", "close"],
  ]);
});

t("a bug on the way of a header is reported, closes the link, and ends nothing else", async () => {
  const bug = () => {
    throw new TypeError("a bug");
  };
  const cases: Parameters<typeof arrival>[0][] = [
    { engine: { readHeader: bug } },
    { context: { monitor: { refused: bug } } },
    { context: { refused: bug } },
    { context: { admission: { ...ADMITS, enter: bug } } },
  ];
  for (const [i, options] of cases.entries()) {
    const notices: string[] = [];
    const one = arrival({
      ...options,
      context: { ...options?.context, notice: (line) => notices.push(line) },
    });
    if (i > 0) {
      const observer = await one.observer();
      // The last one gets as far as the admission.
      observer.arrived(i === 3 ? v1(CLIENT, SITE) : new TextEncoder().encode("GET /"));
      observer.over();
    }
    await until(() => one.happened.includes("close"), { what: `the link to be closed (${i})` });
    await one.stop();
    assertEquals([one.serving.arrivals.size, one.serving.connections.size], [0, 0]);
    assertEquals(notices.length, 1, `${i}`);
    assertMatch(notices[0]!, /^internal error: a bug at /);
  }
});

t("a client that was admitted leaves once if its connection cannot be made", async () => {
  const notices: string[] = [];
  const tap = () => {
    throw new TypeError("a bug");
  };
  const one = arrival({ context: { tap, notice: (line) => notices.push(line) } });
  const observer = await one.observer();
  observer.arrived(v1(CLIENT, SITE));
  observer.over();
  await one.stop();
  assertEquals(one.happened.filter((what) => /^(enter|leave|close)/.test(what)), [
    ...["enter 192.0.2.1", "leave 192.0.2.1", "close"],
  ]);
  assertEquals([one.serving.connections.size, notices.length], [0, 1]);
});

/** Admits everyone, after a header. */
const ADMITS: NonNullable<ConnectionContext["admission"]> = {
  expectsHeader: () => true,
  enter: () => undefined,
  adopt() {},
  leave() {},
  pauseMs: () => 0,
  accepted: () => 0,
  uncount() {},
};

t("an immediate stop leaves an arrival open, and its end resolves done", async () => {
  const one = arrival(), observer = await one.observer();
  one.serving.stopNow();
  let isDone = false;
  void one.serving.done.then(() => isDone = true);
  await new Promise((resolve) => setTimeout(resolve, 0));
  assert(!isDone);
  observer.over();
  await one.serving.done;
});
