/**
 * One suite for all engines, against the interface of `lib/engine/engine.ts`: an engine that passes
 * can replace another.
 */

import type { Endpoint } from "../../../lib/base/endpoint.ts";
import { assert, assertEquals, assertRejects } from "@std/assert";
import type { Ending, Side } from "../../../lib/base/side.ts";
import { openEngine } from "../../../lib/engine/engines.ts";
import { ENGINE_NAMES } from "../../../lib/engine/names.ts";
import type { AcceptedLink, Engine, Link, Listener, RelayEnd } from "../../../lib/engine/engine.ts";
import { awaitedRelay, dialed, startDial } from "../../helpers/engine/awaited.ts";
import { whyNot } from "../../helpers/engine/can_run.ts";
import { accepting, type Peer } from "../../helpers/net/accepting.ts";
import { blackHole, canReset, drained, echo, hasIpv6 } from "../../helpers/net/backends.ts";
import {
  canBindSource,
  type Client,
  connect,
  hashToEnd,
  readText,
  readToEnd,
} from "../../helpers/net/client.ts";
import { randomBytes, sha256 } from "../../helpers/bytes.ts";
import { deadPort, freePort } from "../../helpers/net/ports.ts";
import { hasRawSockets, rawListener } from "../../helpers/net/raw_sockets.ts";
import { resettingAfter } from "../../helpers/net/resetters.ts";
import { skip, t, until, untilStill, within, withTools } from "../../helpers/t.ts";
import { dialing } from "../../helpers/net/tcp_sockets.ts";

const LOOPBACK: Endpoint = { address: "127.0.0.1", port: 0 };

const sourceBinds = await canBindSource();
const NO_RESET = "this version of Deno cannot reset a connection";
const NO_SOURCE = "this version of Deno ignores a source address";

/** Registers a test, or skips it with a reason. */
function where(condition: boolean, reason: string): typeof t {
  return condition ? t : (name) => skip(name, reason);
}

/** Listens, or fails the test. */
function listen(engine: Engine, at: Endpoint, options?: { shared?: boolean }): Listener {
  const listener = engine.listen(at, options);
  assert(!("failure" in listener), JSON.stringify(listener));
  return listener;
}

/** Accepts a connection, or fails the test. */
async function accept(listener: Listener): Promise<AcceptedLink> {
  const link = await within(listener.accept(), { timeoutMs: 5000, what: "a connection" });
  assert(!("failure" in link), JSON.stringify(link));
  return link;
}

/** A listener of the engine under test, closed at the end of its scope. */
function listening(engine: Engine, at: Endpoint = LOOPBACK) {
  const listener = listen(engine, at);
  return {
    local: listener.local,
    accept: () => accept(listener),
    [Symbol.dispose]: () => listener.close(),
  };
}

/** A client and a backend of the test, and the engine's links to them. */
async function linked(engine: Engine, options: { reset?: Side; source?: string } = {}) {
  using listener = listening(engine);
  const backend = await accepting({ viaNode: options.reset === "backend" });
  const viaNode = options.reset === "client";
  const [near, client] = await Promise.all([
    connect(listener.local.port, { viaNode }),
    listener.accept(),
  ]);
  const to = { address: "127.0.0.1", port: backend.port };
  const [link, far] = await Promise.all([
    dialed(engine, to, options.source),
    backend.accept(),
  ]);
  assert(typeof link !== "string", `dial gives ${link}`);
  return {
    near,
    far,
    client,
    backend: link,
    async [Symbol.asyncDispose]() {
      await near.close();
      far.close();
      client.close();
      link.close();
      await backend[Symbol.asyncDispose]();
    },
  };
}

/** A relay between a client and a backend of the test, and what it reported. */
async function relayed(
  engine: Engine,
  options: { reset?: Side; observed?: boolean; source?: string } = {},
) {
  const links = await linked(engine, options);
  const moved = { client: 0, backend: 0 };
  const ended: [Side, Ending][] = [];
  const chunks: [Side, number][] = [];
  const relay = awaitedRelay((all) => engine.relay(links.client, links.backend, all), {
    moved: (side, bytes) => void (moved[side] += bytes),
    ended: (side, how) => void ended.push([side, how]),
    ...(!options.observed ? {} : {
      chunk(side: Side, bytes: Uint8Array) {
        chunks.push([side, bytes.length]);
        return undefined;
      },
    }),
  });
  return {
    ...links,
    relay,
    moved,
    ended,
    chunks,
    done: () => within(relay.done, { timeoutMs: 5000, what: "the relay to end" }),
    async [Symbol.asyncDispose]() {
      relay.close();
      await relay.done;
      await links[Symbol.asyncDispose]();
    },
  };
}

for (const name of ENGINE_NAMES) {
  const cannotRun = whyNot(name);
  if (cannotRun !== undefined) {
    skip(`${name}: all tests of engines`, cannotRun);
    continue;
  }
  const engine = openEngine(name, { isShared: true });

  t(`${name}: a listener has its address, and a real port if 0 was requested`, () => {
    using listener = listening(engine);
    assertEquals(listener.local.address, "127.0.0.1");
    assert(listener.local.port > 0);
    assertEquals(engine.listen(listener.local), {
      failure: "in use",
      reason: "Address already in use",
    });
  });

  t(`${name}: listen() refuses an address that is not local`, () => {
    assertEquals(engine.listen({ address: "203.0.113.7", port: 0 }), {
      failure: "not local",
      reason: "Cannot assign requested address",
    });
  });

  t(`${name}: an accepted link has its remote and local address`, async () => {
    using listener = listening(engine);
    await using client = await connect(listener.local.port);
    const link = await listener.accept();
    assertEquals(link.remote.address, client.localAddress);
    assertEquals(link.local, listener.local);
    link.close();
    link.close();
    assertEquals(await readToEnd(client), { bytes: new Uint8Array(), text: "", end: "EOF" });
  });

  t(
    `${name}: connections wait in the backlog until they are accepted`,
    async () => {
      using listener = listening(engine);
      await using first = await connect(listener.local.port);
      await using second = await connect(listener.local.port);
      const links = [await listener.accept(), await listener.accept()];
      assertEquals(new Set(links.map(({ remote }) => remote.port)).size, 2);
      for (const link of links) link.close();
      assertEquals((await readToEnd(first)).text + (await readToEnd(second)).text, "");
    },
  );

  t(`${name}: closing a listener ends a pending accept and keeps accepted links`, async () => {
    const listener = listen(engine, LOOPBACK);
    const [client, link] = await Promise.all([connect(listener.local.port), accept(listener)]);
    const pending = listener.accept();
    listener.close();
    for (const accepted of [await pending, await listener.accept()]) {
      assertEquals("failure" in accepted && accepted.failure, "closed");
    }
    await assertRejects(() => connect(listener.local.port), Deno.errors.ConnectionRefused);
    assertEquals(link.remote.address, "127.0.0.1");
    link.close();
    await client.close();
  });

  t(`${name}: listeners of one process can share a port`, async () => {
    // Both name the port: with 0 each could get a different one.
    const at = { ...LOOPBACK, port: freePort() };
    const first = listen(engine, at, { shared: true });
    const second = listen(engine, at, { shared: true });
    first.close();
    const [client, link] = await Promise.all([connect(second.local.port), accept(second)]);
    link.close();
    await client.close();
    second.close();
  });

  t(`${name}: dial() returns a link to the address`, async () => {
    await using backend = await accepting();
    const to = { address: "127.0.0.1", port: backend.port };
    const [link, peer] = await Promise.all([dialed(engine, to), backend.accept()]);
    assert(typeof link !== "string");
    assertEquals(link.remote, to);
    assertEquals(link.local, { address: peer.remoteAddress, port: peer.remotePort });
    link.close();
    assertEquals((await readToEnd(peer)).text, "");
  });

  withTools(
    ["python3"],
    `${name}: dial() returns a link to a backend that resets at once, and its relay ends`,
    async () => {
      await using backend = await resettingAfter(0);
      const to = { address: "127.0.0.1", port: Number(backend.address.split(":")[1]) };
      using listener = listening(engine);
      // Several dials at once, so that some resets arrive before the engine looks at the result.
      const dials = Array.from({ length: 20 }, () => dialed(engine, to));
      for (const link of await Promise.all(dials)) {
        assert(typeof link !== "string", `dial gives ${link}`);
        assertEquals([link.remote, link.local?.address ?? "127.0.0.1"], [to, "127.0.0.1"]);
        await using near = await connect(listener.local.port);
        const client = await listener.accept();
        const { done } = awaitedRelay((all) => engine.relay(client, link, all));
        assertEquals(await done, { side: "backend", how: "reset" });
        await readToEnd(near);
      }
    },
  );

  for (const then of ["nothing more", "FIN", "RST"] as const) {
    where(hasRawSockets, "needs Linux")(
      `${name}: a greeting that arrives together with the connection, and ${then}, is relayed`,
      async () => {
        using listener = listening(engine), backend = rawListener();
        await using near = await connect(listener.local.port);
        const client = await listener.accept();
        const dial = startDial(engine, { address: "127.0.0.1", port: backend.port });
        // On loopback, the connection is there before the engine looks for it.
        const peer = backend.accept() ?? await until(() => backend.accept());
        peer.send(new TextEncoder().encode("greeting"));
        if (then === "FIN") peer.closeWrite();
        if (then === "RST") peer.reset();
        const link = await dial.result;
        assert(typeof link !== "string", `dial gives ${link}`);
        const relay = awaitedRelay((all) => engine.relay(client, link, all));
        const { text } = then === "nothing more"
          ? { text: await readText(near, 8) }
          : await readToEnd(near);
        // A reset may overtake what was sent before.
        if (then !== "RST") assertEquals(text, "greeting");
        await near.close();
        peer.close();
        const { side, how } = await relay.done;
        if (then === "FIN") assertEquals([side, how], ["backend", "end"]);
        if (then === "RST") assertEquals([side, how], ["backend", "reset"]);
      },
    );
  }

  t(`${name}: dial() returns "refused" for a closed port and for port 0`, async () => {
    assertEquals(await dialed(engine, { ...LOOPBACK, port: deadPort() }), "refused");
    assertEquals(await dialed(engine, LOOPBACK), "refused");
  });

  t(`${name}: dial() returns "unreachable" for a broadcast address`, async () => {
    const to = { address: "255.255.255.255", port: 9 };
    assertEquals(await dialed(engine, to), "unreachable");
  });

  t(`${name}: dial() can be aborted, returns the reason, and leaves no descriptor`, async () => {
    await using hole = await blackHole();
    for (const [reason, failure] of [["timeout", "timeout"], ["cancelled", "cancelled"]] as const) {
      const dial = startDial(engine, { ...LOOPBACK, port: hole.port });
      await until(() => dialing(hole.port) > 0, { what: "the dial to start" });
      dial.cancel(reason);
      dial.cancel("cancelled");
      assertEquals(await dial.result, failure);
      dial.cancel(reason);
      await until(() => dialing(hole.port) === 0, { what: "the socket to be closed" });
    }
    const early = startDial(engine, { ...LOOPBACK, port: hole.port });
    early.cancel("timeout");
    assertEquals(await early.result, "timeout");
    assertEquals(dialing(hole.port), 0);
  });

  t(`${name}: dial() that is aborted while it succeeds leaves no connection`, async () => {
    await using server = echo();
    for (let i = 0; i < 300; i++) {
      const dial = startDial(engine, { ...LOOPBACK, port: server.port });
      // At any moment up to, and after, the end of the dial.
      for (const end = performance.now() + i / 500; performance.now() < end;);
      setTimeout(() => dial.cancel("cancelled"), 0);
      const result = await dial.result;
      if (typeof result !== "string") result.close();
      else assertEquals(result, "cancelled");
    }
    await drained(server);
  });

  where(sourceBinds, NO_SOURCE)(`${name}: dial() uses the source address`, async () => {
    await using links = await linked(engine, { source: "127.0.0.77" });
    assertEquals(links.far.remoteAddress, "127.0.0.77");
    assertEquals(links.backend.local?.address, "127.0.0.77");
  });

  where(sourceBinds, NO_SOURCE)(
    `${name}: dial() with a source address fails and can be aborted like any other`,
    async () => {
      const source = "127.0.0.77";
      await using hole = await blackHole();
      const to = (port: number): Endpoint => ({ ...LOOPBACK, port });
      assertEquals(await dialed(engine, to(deadPort()), source), "refused");
      const dial = startDial(engine, to(hole.port), source);
      await until(() => dialing(hole.port) > 0, { what: "the dial to start" });
      dial.cancel("timeout");
      assertEquals(await dial.result, "timeout");
      await until(() => dialing(hole.port) === 0, { what: "the socket to be closed" });
    },
  );

  t(`${name}: a relay moves bytes both ways and reports them`, async () => {
    await using one = await relayed(engine);
    await one.near.send("question");
    assertEquals(await readText(one.far, 8), "question");
    await one.far.send("answer");
    assertEquals(await readText(one.near, 6), "answer");
    await until(() => one.moved.client + one.moved.backend === 14);
    assertEquals(one.moved, { client: 8, backend: 6 });
    assertEquals(one.ended, []);
  });

  t(`${name}: a relay passes an end of input on as half-close, in each direction`, async () => {
    for (const side of ["client", "backend"] as const) {
      await using one = await relayed(engine);
      const [from, to] = side === "client" ? [one.near, one.far] : [one.far, one.near];
      await from.send("request");
      await from.closeWrite();
      assertEquals((await readToEnd(to)).text, "request");
      assertEquals(one.ended, [[side, "end"]]);
      await to.send("late answer");
      await to.closeWrite();
      assertEquals((await readToEnd(from)).text, "late answer");
      assertEquals(await one.done(), { side, how: "end" });
      assertEquals(one.ended.map(([, how]) => how), ["end", "end"]);
    }
  });

  t(
    `${name}: a relay moves large data both ways at the same time without changing it`,
    async () => {
      await using one = await relayed(engine);
      const data = { up: randomBytes(3_000_000, 3), down: randomBytes(3_000_000, 4) };
      const send = async (from: Client | Peer, bytes: Uint8Array<ArrayBuffer>) => {
        await from.send(bytes);
        await from.closeWrite();
      };
      const [atFar, atNear] = await Promise.all([
        hashToEnd(one.far),
        hashToEnd(one.near),
        send(one.near, data.up),
        send(one.far, data.down),
      ]);
      assertEquals([atFar.sha256, atNear.sha256], [sha256(data.up), sha256(data.down)]);
      await one.done();
      assertEquals(one.moved, { client: 3_000_000, backend: 3_000_000 });
    },
  );

  t(`${name}: a stalled reader blocks only its own direction`, async () => {
    await using one = await relayed(engine);
    let written = 0;
    const flood = (async () => {
      for (const bytes = new Uint8Array(65536);; written += bytes.length) {
        await one.far.send(bytes);
      }
    })().catch(() => {});
    // The socket buffers take some megabytes, then nothing moves any more.
    await untilStill(() => written, { what: "the sender to be held back" });
    const moved = one.moved.backend;
    await one.near.send("still through");
    assertEquals(await readText(one.far, 13), "still through");
    assertEquals(one.moved.backend, moved);
    one.relay.close();
    await flood;
  });

  t(`${name}: an observer sees every byte before it is written`, async () => {
    await using one = await relayed(engine, { observed: true });
    const data = randomBytes(300_000, 5);
    const [received] = await Promise.all([
      hashToEnd(one.far),
      one.near.send(data).then(() => one.near.closeWrite()),
    ]);
    assertEquals(received.sha256, sha256(data));
    assertEquals(one.chunks.reduce((sum, [, bytes]) => sum + bytes, 0), 300_000);
    assert(one.chunks.every(([side]) => side === "client"));
  });

  t(`${name}: closing a relay ends both sides`, async () => {
    await using one = await relayed(engine);
    one.relay.close();
    assertEquals((await one.done()).how, "closed");
    assertEquals((await readToEnd(one.near)).text + (await readToEnd(one.far)).text, "");
    assertEquals(one.ended, []);
  });

  t(`${name}: an observer that throws ends its relay, which reports what was thrown`, async () => {
    for (const callback of ["moved", "ended", "chunk", "chunk later"] as const) {
      await using links = await linked(engine);
      const bug = new TypeError(callback), calls: string[] = [];
      const buggy = (name: string) => {
        calls.push(name);
        if (name === callback) throw bug;
      };
      const { promise: finished, resolve } = Promise.withResolvers<unknown[]>();
      engine.relay(links.client, links.backend, {
        moved: () => buggy("moved"),
        ended: () => buggy("ended"),
        chunk() {
          buggy("chunk");
          return callback === "chunk later" ? Promise.reject(bug) : undefined;
        },
        finished: (...end) => resolve([...end, calls.length]),
      });
      await links.near.send("bytes");
      await links.near.closeWrite();
      const [, reported, count] = await within(finished, { timeoutMs: 5000, what: "the end" });
      assertEquals(reported, bug);
      await Promise.all([readToEnd(links.near), readToEnd(links.far)]);
      assertEquals(calls.length, count, `${callback}: ${calls.join()}`);
    }
  });

  for (const side of ["client", "backend"] as const) {
    where(canReset, NO_RESET)(`${name}: a reset of the ${side} ends both sides`, async () => {
      await using one = await relayed(engine, { reset: side });
      const [from, to] = side === "client" ? [one.near, one.far] : [one.far, one.near];
      await from.send("abc");
      assertEquals(await readText(to, 3), "abc");
      await from.reset();
      // The other side ends too: by a reset if the engine can, else in order.
      await readToEnd(to);
      assertEquals(await one.done(), { side, how: "reset" });
      assertEquals(one.ended, [[side, "reset"]]);
    });
  }

  where(sourceBinds && canReset, NO_SOURCE)(
    `${name}: a relay with a source address behaves like any other`,
    async () => {
      await using one = await relayed(engine, { source: "127.0.0.77" });
      const data = randomBytes(2_000_000, 6);
      const [atFar] = await Promise.all([
        hashToEnd(one.far),
        one.near.send(data).then(() => one.near.closeWrite()),
      ]);
      assertEquals(atFar.sha256, sha256(data));
      await one.far.send("late answer");
      await one.far.closeWrite();
      assertEquals((await readToEnd(one.near)).text, "late answer");
      assertEquals(await one.done(), { side: "client", how: "end" });
      assertEquals(one.moved, { client: 2_000_000, backend: 11 });
    },
  );

  t(`${name}: readAhead() reports a client that closes before it is relayed`, async () => {
    using listener = listening(engine);
    const client = await connect(listener.local.port);
    const link = await listener.accept();
    const gone = Promise.withResolvers<Ending>();
    engine.readAhead(link, { gone: gone.resolve });
    await client.close();
    assertEquals(await gone.promise, "end");
    link.close();
  });

  where(canReset, NO_RESET)(`${name}: readAhead() reports a client that resets`, async () => {
    using listener = listening(engine);
    const client = await connect(listener.local.port, { viaNode: true });
    const link = await listener.accept();
    const gone = Promise.withResolvers<Ending>();
    engine.readAhead(link, { gone: gone.resolve });
    await client.reset();
    assertEquals(await gone.promise, "reset");
    link.close();
  });

  t(`${name}: bytes received while reading ahead go to the backend first`, async () => {
    await using links = await linked(engine);
    let gone: Ending | undefined;
    engine.readAhead(links.client, { gone: (how) => gone = how });
    await links.near.send("early, ");
    // Whether the engine has already read it makes no difference.
    const relay = awaitedRelay((all) => engine.relay(links.client, links.backend, all));
    await links.near.send("then more");
    await links.near.closeWrite();
    assertEquals((await readToEnd(links.far)).text, "early, then more");
    assertEquals(gone, undefined);
    links.far.close();
    assertEquals(await relay.done, { side: "client", how: "end" });
  });

  t(
    `${name}: a client that half-closes while the engine reads ahead can still get an answer`,
    async () => {
      await using links = await linked(engine);
      const gone = Promise.withResolvers<Ending>();
      engine.readAhead(links.client, { gone: gone.resolve });
      await links.near.closeWrite();
      assertEquals(await gone.promise, "end");
      const relay = awaitedRelay((all) => engine.relay(links.client, links.backend, all));
      assertEquals((await readToEnd(links.far)).text, "");
      await links.far.send("answer");
      links.far.close();
      assertEquals((await readToEnd(links.near)).text, "answer");
      assertEquals(await relay.done, { side: "client", how: "end" });
    },
  );

  // The resource sanitizer detects leaks. Descriptors of the process cannot be counted, since other
  // tests run in it at the same time.
  t(`${name}: no resource is left open, however a connection ends`, async () => {
    const ends: ((one: Awaited<ReturnType<typeof relayed>>) => unknown)[] = [
      (one) => one.near.close(),
      (one) => one.far.close(),
      (one) => one.relay.close(),
      (one) => Promise.all([one.near.closeWrite(), one.far.closeWrite()]),
    ];
    for (const end of ends) {
      const one = await relayed(engine);
      await end(one);
      // A half-closed connection lives until its other half ends.
      await Promise.all([
        one.near.closeWrite().catch(() => {}),
        one.far.closeWrite().catch(() => {}),
      ]);
      const how: RelayEnd = await one.done();
      assert(["end", "reset", "closed"].includes(how.how));
      await one[Symbol.asyncDispose]();
    }
  });

  where(hasIpv6, "no IPv6 on this machine")(
    `${name}: IPv6 works for dial and listen, and IPv4-mapped clients appear as IPv4`,
    async () => {
      using listener = listening(engine, { address: "::", port: 0 });
      const { port } = listener.local;
      const hosts = [["::1", "::1"], ["127.0.0.1", "127.0.0.1"]] as const;
      for (const [address, shown] of hosts) {
        const [near, link] = await Promise.all([
          dialed(engine, { address, port }),
          listener.accept(),
        ]);
        assert(typeof near !== "string");
        assertEquals([link.remote.address, link.local.address], [shown, shown]);
        closeAll(near, link);
      }
    },
  );
}

function closeAll(...links: Link[]): void {
  for (const link of links) link.close();
}
