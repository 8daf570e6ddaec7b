/** What only the epoll engine can get wrong; `engine_test.ts` has what all engines do. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { Endpoint } from "../../../../lib/base/endpoint.ts";
import type { RelayEnd } from "../../../../lib/engine/engine.ts";
import { awaitedRelay, dialed } from "../../../helpers/engine/awaited.ts";
import {
  epollEngine,
  failing,
  libC,
  linkedBy,
  listenWith,
  noEpoll,
} from "../../../helpers/engine/epoll.ts";
import { connect, readText, readToEnd } from "../../../helpers/net/client.ts";
import { rawConnect, rawListener } from "../../../helpers/net/raw_sockets.ts";
import { skip, sleep, t, until, within } from "../../../helpers/t.ts";

const EMFILE = 24, ENOSPC = 28, MSG_OOB = 1;
const bytes = (text: string) => new TextEncoder().encode(text);

/** An address of this host with a scope, such as `fe80::1%eth0`. */
const scoped = Deno.networkInterfaces().filter(({ address }) => address.startsWith("fe80:"))
  .map(({ address, name }) => `${address.replace(/%.*/, "")}%${name}`)[0];

/** An engine, and a relay between sockets of the test. */
async function relaying(options: Parameters<typeof epollEngine>[0] = {}) {
  const tested = epollEngine(options), { engine } = tested;
  const listener = listenWith(engine), far = rawListener();
  const near = rawConnect(listener.local.port);
  const [client, backend] = await linkedBy(engine, listener, far.port);
  listener.close();
  const peer = far.accept()!;
  return {
    ...tested,
    client,
    backend,
    near,
    peer,
    [Symbol.asyncDispose]() {
      near.close();
      peer.close();
      far[Symbol.dispose]();
      return tested[Symbol.asyncDispose]();
    },
  };
}

/** Everything that arrives at a socket until its input ends. */
async function arrived(socket: ReturnType<typeof rawConnect>) {
  const buffer = new Uint8Array(65536), decoder = new TextDecoder();
  let text = "", end: "end" | "reset" | undefined;
  await until(() => {
    for (;;) {
      const count = socket.receive(buffer);
      if (typeof count === "string") end = count;
      if (typeof count === "string" || count === 0) return end !== undefined;
      text += decoder.decode(buffer.subarray(0, count));
    }
  });
  return { text, end };
}

if (noEpoll !== undefined) skip("epoll: all tests", noEpoll);
else {
  t("epoll: a callback that throws ends only its connection", async () => {
    await using one = await relaying();
    const { engine } = one, listener = listenWith(engine);
    await using other = await connect(listener.local.port);
    using far = rawListener();
    const [client, backend] = await linkedBy(engine, listener, far.port);
    listener.close();
    const peer = far.accept()!, relay = awaitedRelay((all) => engine.relay(client, backend, all));
    const ends: [RelayEnd, unknown][] = [];
    engine.relay(one.client, one.backend, {
      moved() {
        throw new Error("a bug");
      },
      finished: (end, bug) => void ends.push([end, bug]),
    });
    one.near.send(bytes("x"));
    await until(() => ends.length === 1);
    assertEquals([ends[0]![0].how, String(ends[0]![1])], ["closed", "Error: a bug"]);
    await arrived(one.near);
    peer.send(bytes("still here"));
    assertEquals(await readText(other, 10), "still here");
    assertEquals(one.bugs, []);
    peer.close();
    await other.closeWrite();
    await relay.done;
  });

  t("epoll: what an observer throws after the end, or for a dial, is reported", async () => {
    await using one = await relaying();
    const { engine, bugs } = one;
    engine.relay(one.client, one.backend, {
      moved() {},
      finished() {
        throw new Error("finished");
      },
    });
    one.near.close();
    one.peer.close();
    await until(() => bugs.length === 1);
    engine.dial({ address: "127.0.0.1", port: 0 }, { source: undefined }, {
      dialed() {
        throw new Error("dialed");
      },
    });
    await until(() => bugs.length === 2);
    assertEquals(bugs.map(String), ["Error: finished", "Error: dialed"]);
  });

  t("epoll: accept() reports a shortage of descriptors, and accepts again later", async () => {
    let isShort = true;
    await using tested = epollEngine({ calls: failing("accept4", EMFILE, () => isShort) });
    const listener = listenWith(tested.engine);
    const client = rawConnect(listener.local.port);
    assertEquals(await listener.accept(), {
      failure: "shortage",
      reason: "Too many open files",
    });
    isShort = false;
    const link = await within(listener.accept(), { timeoutMs: 5000, what: "the client" });
    assert(!("failure" in link));
    client.close();
  });

  t("epoll: abandon() closes everything immediately, and calls no observer", async () => {
    await using one = await relaying({ isShared: true });
    const { engine } = one;
    const listener = listenWith(engine), waiting = rawConnect(listener.local.port);
    const accepted = await listener.accept();
    void listener.accept();
    using hole = rawListener();
    const calls: string[] = [];
    const relay = engine.relay(one.client, one.backend, {
      moved: () => void calls.push("moved"),
      ended: () => void calls.push("ended"),
      finished: () => void calls.push("finished"),
    });
    const dial = engine.dial({ address: "127.0.0.1", port: hole.port }, { source: undefined }, {
      dialed: () => void calls.push("dialed"),
    });
    one.near.send(bytes("x"));
    engine.abandon();
    assertEquals(one.open(), 0);
    for (const socket of [one.near, one.peer, waiting]) await arrived(socket);
    // Their numbers may be in use by others now: closing the links again must not close those.
    using others = rawListener();
    const again = rawConnect(others.port);
    assert(!("failure" in accepted));
    accepted.close();
    relay.close();
    dial.cancel("cancelled");
    listener.close();
    again.send(bytes("open"));
    const peer = await until(() => others.accept());
    await until(() => peer.receive(new Uint8Array(8)) === 4);
    assertEquals(calls, []);
    for (const socket of [again, peer, waiting]) socket.close();
  });

  t("epoll: a reset with unread data is passed on as a reset, after the data", async () => {
    await using one = await relaying();
    one.near.send(bytes("last words"));
    one.near.reset();
    const relay = awaitedRelay((all) => one.engine.relay(one.client, one.backend, all));
    assertEquals(await relay.done, { side: "client", how: "reset" });
    assertEquals((await arrived(one.peer)).end, "reset");
  });

  t("epoll: urgent data neither stops nor cuts what follows", async () => {
    await using one = await relaying();
    const c = libC(), listener = listenWith(one.engine);
    // A socket of the engine's own calls: those of the tests cannot send urgent data.
    const sending = await dialed(one.engine, listener.local);
    assert(typeof sending !== "string");
    const client = await listener.accept();
    assert(!("failure" in client));
    listener.close();
    const { descriptor } = sending as unknown as { descriptor: number };
    for (const [text, flags] of [["abc", 0], ["!", MSG_OOB], ["def", 0]] as const) {
      c.send(descriptor, bytes(text), BigInt(text.length), flags);
    }
    c.shutdown(descriptor, 1);
    const relay = awaitedRelay((all) => one.engine.relay(client, one.backend, all));
    const { text, end } = await arrived(one.peer);
    assertEquals([text, end], ["abcdef", "end"]);
    one.peer.close();
    await relay.done;
    sending.close();
  });

  t("epoll: a listener on which nobody accepts does not keep the loop busy", async () => {
    const c = libC();
    let waits = 0;
    const counted = (...args: Parameters<typeof c.epoll_wait>) => {
      waits++;
      return c.epoll_wait(...args);
    };
    await using tested = epollEngine({ calls: { epoll_wait: counted }, isShared: false });
    const listener = listenWith(tested.engine);
    const first = rawConnect(listener.local.port);
    const link = await listener.accept();
    assert(!("failure" in link));
    // It watches its listener when the next client comes, for whom nobody waits.
    const pending = listener.accept();
    const second = rawConnect(listener.local.port);
    assert(!("failure" in await pending));
    const third = rawConnect(listener.local.port);
    waits = 0;
    await sleep(1000);
    assert(waits < 100, `${waits} waits`);
    const late = await within(listener.accept(), { timeoutMs: 5000, what: "the third client" });
    assert(!("failure" in late));
    for (const socket of [first, second, third]) socket.close();
  });

  t("epoll: an idle loop notices new work at once", async () => {
    await using tested = epollEngine({ isShared: false });
    const { engine } = tested;
    // By now it waits in another thread.
    await sleep(600);
    const result = await within(dialed(engine, { address: "127.0.0.1", port: 0 }), {
      timeoutMs: 2000,
      what: "a dial that fails",
    });
    assertEquals(result, "refused");
    await sleep(600);
    await within(engine.nextTurn(), { timeoutMs: 2000, what: "the next turn" });
    await sleep(600);
    const listener = listenWith(engine), accepted = listener.accept();
    await using client = await connect(listener.local.port);
    const link = await accepted;
    assert(!("failure" in link));
    link.close();
    assertEquals((await readToEnd(client)).end, "EOF");
  });

  t("epoll: a client that could not be watched during its dial is relayed", async () => {
    const c = libC();
    let fails = false;
    const calls = {
      epoll_ctl: (...args: Parameters<typeof c.epoll_ctl>) => fails ? -1 : c.epoll_ctl(...args),
    };
    await using tested = epollEngine({ calls });
    const { engine } = tested, listener = listenWith(engine);
    using far = rawListener();
    const near = rawConnect(listener.local.port);
    const links = await linkedBy(engine, listener, far.port), peer = far.accept()!;
    fails = true;
    engine.readAhead(links[0], { gone() {} });
    fails = false;
    engine.relay(...links, { moved() {}, finished() {} });
    // The first look at the client finds nothing.
    await engine.nextTurn();
    near.send(bytes("hello"));
    await until(() => peer.receive(new Uint8Array(10)) === 5);
    near.close();
    peer.close();
    listener.close();
  });

  t("epoll: a header of a client that cannot be watched is over at once", async () => {
    let fails = false, isOver = false;
    await using tested = epollEngine({ calls: failing("epoll_ctl", ENOSPC, () => fails) });
    const listener = listenWith(tested.engine), near = rawConnect(listener.local.port);
    const client = await listener.accept();
    assert(!("failure" in client));
    fails = true;
    tested.engine.readHeader(client, 100, { arrived: () => undefined, over: () => isOver = true });
    assert(isOver);
    near.close();
  });

  const withScope = scoped === undefined
    ? (name: string) => skip(name, "no link-local address of IPv6 on this machine")
    : t;
  withScope("epoll: addresses with a scope work in both directions", async () => {
    await using tested = epollEngine();
    const { engine } = tested;
    const listener = engine.listen({ address: scoped!, port: 0 });
    assert(!("failure" in listener), JSON.stringify(listener));
    assertEquals(listener.local.address, scoped);
    const to: Endpoint = { address: scoped!, port: listener.local.port };
    const [backend, client] = await Promise.all([dialed(engine, to), listener.accept()]);
    assert(typeof backend !== "string", `dial gives ${backend}`);
    assert(!("failure" in client));
    assertEquals([client.remote.address, client.local.address], [scoped, scoped]);
    assertEquals(backend.local?.address, scoped);
    assertStringIncludes(scoped!, "%");
    backend.close();
    client.close();
    listener.close();
  });
}
