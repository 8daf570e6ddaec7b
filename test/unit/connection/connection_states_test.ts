/** A connection in each of its states, when it is closed, loses a side, or meets a bug. */

import { assertEquals } from "@std/assert";
import type { Tap } from "../../../lib/connection/observe.ts";
import type { Engine } from "../../../lib/engine/engine.ts";
import { CONNECTION_OPTIONS } from "../../helpers/connection/connection_context.ts";
import { DEFAULT_PASSIVE } from "../../helpers/connection/passive_rules.ts";
import { countingLink, NOTHING, stage, type StageOptions } from "../../helpers/connection/stage.ts";
import { t } from "../../helpers/t.ts";

const PURE = { permissions: "none" } as const;
const CLOSED = { side: "client", how: "closed" } as const;

/** How to bring a connection into each state. */
const STATES = {
  waiting() {
    const one = stage({ full: true, waits: true });
    one.start();
    assertEquals([one.line.length, one.connection.info().state], [1, "waiting"]);
    return one;
  },
  pausing() {
    const one = stage({ full: true });
    one.start();
    assertEquals([one.dials.length, one.ends], [0, []]);
    return one;
  },
  dialing() {
    const one = stage();
    one.start();
    assertEquals([one.dials.length, one.connection.info().state], [1, "dialing"]);
    return one;
  },
  relaying: () => relaying({}),
  closing() {
    const one = relaying({ stuck: true });
    one.relays[0]!.finish({ side: "backend", how: "end" });
    assertEquals([one.connection.info().state, one.owned.closing], ["closing", 1]);
    return one;
  },
  ended() {
    const one = relaying({});
    one.relays[0]!.finish({ side: "backend", how: "end" });
    assertEquals(one.ends, ["backend closed"]);
    return one;
  },
};
type State = keyof typeof STATES;

function relaying(options: StageOptions) {
  const one = stage(options);
  one.start();
  one.dials[0]!.observer.dialed(countingLink());
  assertEquals([one.relays.length, one.connection.info().state], [1, "open"]);
  return one;
}

/** Ends all pending work, as engines do after a while; then everything must be released. */
async function settle(one: ReturnType<typeof stage>): Promise<void> {
  for (const dial of one.dials) {
    if (dial.cancelled !== undefined) dial.observer.dialed("cancelled");
  }
  await one.turn();
  await one.free();
}

t("close() ends a connection in every state, once and with its reason", async () => {
  const reasons: Record<State, string> = {
    ...{ waiting: "drained", pausing: "drained", dialing: "drained", relaying: "drained" },
    ...{ closing: "backend closed", ended: "backend closed" },
  };
  for (const [state, reason] of Object.entries(reasons)) {
    const one = STATES[state as State]();
    one.connection.close("drained");
    one.connection.close("shutdown");
    await settle(one);
    one.connection.close("shutdown");
    assertEquals([one.ends, one.owned.bugs], [[reason], [undefined]], state);
    assertEquals(one.holds, NOTHING, state);
    assertEquals(one.dials.length, state === "waiting" || state === "pausing" ? 0 : 1, state);
  }
});

t("close() while a dial succeeds closes the link as well", () => {
  const one = STATES.dialing(), backend = countingLink();
  one.connection.close("drained");
  assertEquals(one.dials[0]!.cancelled, "cancelled");
  one.dials[0]!.observer.dialed(backend);
  assertEquals([one.ends, one.owned.bugs], [["drained"], [undefined]]);
  assertEquals([one.holds, backend.closed > 0], [NOTHING, true]);
}, PURE);

t("close() between two attempts starts no other attempt", () => {
  const one: ReturnType<typeof stage> = stage({
    context: { monitor: { dialed: () => one.connection.close("drained") } },
  });
  one.start();
  one.dials[0]!.observer.dialed("refused");
  assertEquals([one.ends, one.dials.length, one.holds], [["drained"], 1, NOTHING]);
}, PURE);

t("close() before the start makes no attempt", () => {
  const one: ReturnType<typeof stage> = stage({
    context: { monitor: { started: () => one.connection.close("drained") } },
  });
  one.start();
  assertEquals([one.ends, one.dials.length, one.holds], [["drained"], 0, NOTHING]);
}, PURE);

t("backendDown() concerns only a connection that dials or has a backend", async () => {
  for (const state of ["waiting", "pausing"] as const) {
    const one = STATES[state]();
    one.connection.backendDown();
    assertEquals(one.ends, []);
    one.release();
    await one.turn();
    assertEquals(one.dials.length, 1, state);
    one.connection.close("drained");
    await settle(one);
    assertEquals(one.holds, NOTHING, state);
  }
  for (const state of ["closing", "ended"] as const) {
    const one = STATES[state]();
    one.connection.backendDown();
    await settle(one);
    assertEquals([one.ends, one.holds], [["backend closed"], NOTHING], state);
  }
  const dialing = STATES.dialing();
  dialing.connection.backendDown();
  dialing.dials[0]!.observer.dialed("cancelled");
  assertEquals([dialing.dials.length, dialing.ends], [2, []]);
  dialing.dials[1]!.observer.dialed("refused");
  assertEquals([dialing.ends, dialing.holds], [["connect failed"], NOTHING]);
  const open = STATES.relaying();
  open.connection.backendDown();
  assertEquals([open.ends, open.holds], [["backend down"], NOTHING]);
});

t("a client that resets the connection while it waits or dials ends it", async () => {
  const waiting = STATES.waiting();
  waiting.gone[0]!("reset", 5);
  assertEquals([waiting.ends, waiting.holds], [["client left"], NOTHING]);
  const dialing = STATES.dialing();
  dialing.clock.advance(200);
  dialing.gone[0]!("reset", 0);
  await settle(dialing);
  assertEquals([dialing.ends, dialing.holds], [["client left"], NOTHING]);
});

t("what a client has sent before its reset is delivered once a dial succeeds", () => {
  const one = STATES.dialing();
  one.clock.advance(200);
  one.gone[0]!("reset", 5);
  assertEquals(one.dials[0]!.cancelled, undefined);
  one.dials[0]!.observer.dialed(countingLink());
  one.relays[0]!.finish({ side: "client", how: "reset" });
  assertEquals([one.ends, one.holds], [["client reset"], NOTHING]);
}, PURE);

t("a client that half-closes has left after 300 ms of a dial, or of waiting", async () => {
  for (const state of ["waiting", "dialing"] as const) {
    const one = STATES[state]();
    one.clock.advance(200);
    one.gone[0]!("end", 0);
    one.clock.advance(200);
    assertEquals([one.ends, one.dials.map(({ cancelled }) => cancelled).join()], [[], ""]);
    one.clock.advance(200);
    await settle(one);
    assertEquals([one.ends, one.holds], [["client left"], NOTHING], state);
  }
});

t("time limits end a wait, a dial and a relay", async () => {
  const waiting = STATES.waiting();
  waiting.clock.advance(60_000);
  assertEquals([waiting.ends, waiting.holds], [["wait timeout"], NOTHING]);
  const dialing = STATES.dialing();
  dialing.clock.advance(10_000);
  assertEquals(dialing.dials[0]!.cancelled, "timeout");
  const open = STATES.relaying();
  open.clock.advance(60_000);
  assertEquals(open.ends, []);
  open.clock.advance(1);
  assertEquals([open.ends, open.holds], [["idle limit"], NOTHING]);
  await settle(dialing);
});

/** Callbacks of a connection that may have a bug. */
const CALLBACKS = [
  ...["monitor.started", "monitor.dialed", "monitor.waited", "monitor.ended", "monitor.closing"],
  ...["monitor.freed", "debug", "timedOut", "notice", "backendEvent", "tap.event", "tap.connected"],
  ...["tap.closed", "engine.dial", "engine.relay", "engine.readAhead"],
];

/** Takes a connection through all of its states: what throws ends it earlier. */
async function throughAllStates(one: ReturnType<typeof stage>) {
  const backend = countingLink();
  one.start();
  one.release();
  await one.turn();
  one.clock.advance(200);
  one.dials[0]?.observer.dialed("timeout");
  one.dials[1]?.observer.dialed(backend);
  one.clock.advance(60_001);
  await settle(one);
  return { backend };
}

t("a callback that throws ends its connection, once, and everything is released", async () => {
  for (const callback of [undefined, ...CALLBACKS]) {
    const bug = new TypeError(`a bug in ${callback}`);
    const buggy = (name: string) => () => {
      if (name === callback) throw bug;
    };
    const tap: Tap = {
      event: buggy("tap.event"),
      connected: () => (buggy("tap.connected")(), true),
      chunk: () => undefined,
      ended() {},
      closed: buggy("tap.closed"),
    };
    const engine: Partial<Engine> = {};
    for (const name of ["dial", "relay", "readAhead"] as const) {
      if (callback === `engine.${name}`) Object.assign(engine, { [name]: buggy(callback) });
    }
    const one = stage({
      ...{ full: true, waits: true, stuck: true, tap, engine },
      context: {
        monitor: {
          ...{ started: buggy("monitor.started"), dialed: buggy("monitor.dialed") },
          ...{ waited: buggy("monitor.waited"), ended: buggy("monitor.ended") },
          ...{ closing: buggy("monitor.closing"), freed: buggy("monitor.freed") },
        },
        ...{ debug: buggy("debug"), timedOut: buggy("timedOut"), notice: buggy("notice") },
        backendEvent: buggy("backendEvent"),
        options: {
          ...CONNECTION_OPTIONS,
          ...{ connectTimeoutMs: 10_000, idleTimeoutMs: 60_000, autoDisable: true },
          passive: { ...DEFAULT_PASSIVE, suspects: true },
        },
      },
    });
    const { backend } = await throughAllStates(one);
    assertEquals(one.owned.bugs, [callback === undefined ? undefined : bug], callback);
    assertEquals([one.ends.length, one.holds], [1, NOTHING], callback);
    assertEquals(one.relays.length === 0 || backend.closed > 0, true, callback);
  }
});

t("a bug that the engine reports ends the connection, and its owner learns of it", () => {
  const one = STATES.relaying(), bug = new TypeError("a bug");
  one.relays[0]!.finish(CLOSED, bug);
  assertEquals([one.owned.bugs, one.ends.length, one.holds], [[bug], 1, NOTHING]);
}, PURE);

t("a dial that succeeds after its connection has ended closes the link", () => {
  const bug = new TypeError("a bug");
  const one = stage({
    engine: {
      readAhead() {
        throw bug;
      },
    },
  });
  one.start();
  one.clock.advance(200);
  assertEquals([one.owned.bugs, one.dials[0]!.cancelled], [[bug], "cancelled"]);
  const late = countingLink();
  one.dials[0]!.observer.dialed(late);
  assertEquals([late.closed, one.owned.bugs.length, one.holds], [1, 1, NOTHING]);
}, PURE);

t("the local address of the backend's link is asked for once, before the link is closed", () => {
  const asked: boolean[] = [], locals: unknown[] = [];
  const one = stage({ context: { monitor: { ended: ({ local }) => void locals.push(local) } } });
  const backend = countingLink(), local = { address: "10.0.0.3", port: 3 };
  Object.defineProperty(backend, "local", {
    get() {
      asked.push(backend.closed === 0);
      return local;
    },
  });
  one.start();
  one.dials[0]!.observer.dialed(backend);
  one.connection.info();
  one.relays[0]!.finish({ side: "backend", how: "end" });
  assertEquals([asked, locals], [[true], [local]]);
}, PURE);
