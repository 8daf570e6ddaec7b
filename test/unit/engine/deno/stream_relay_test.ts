/** The relay over byte connections in memory, then over real sockets. */

import { assert, assertEquals } from "@std/assert";
import type { Ending, Side } from "../../../../lib/base/side.ts";
import { MAX_BUFFER_BYTES, MIN_BUFFER_BYTES } from "../../../../lib/engine/deno/buffers.ts";
import type { AwaitedRelay } from "../../../helpers/engine/awaited.ts";
import { writeAll } from "../../../../lib/base/bytes.ts";
import { hashToEnd, readToEnd } from "../../../helpers/net/client.ts";
import { latin1FromBytes } from "../../../helpers/golden/golden.ts";
import { FakeConn, linkOf, relaying, relayOf, settled } from "../../../helpers/net/memory_relay.ts";
import { t } from "../../../helpers/t.ts";
import { randomBytes, sha256 } from "../../../helpers/bytes.ts";

const PURE = { permissions: "none" } as const;

async function isOver(relay: AwaitedRelay): Promise<boolean> {
  let over = false;
  relay.done.then(() => over = true);
  await settled();
  return over;
}

const RESET = new Deno.errors.ConnectionReset("reset by peer");
const PIPE = new Deno.errors.BrokenPipe("broken pipe");

t("a relay moves bytes both ways and counts them", async () => {
  const { client, backend, relay, observed } = relaying();
  client.gives("question", null);
  backend.gives("ans", "wer", null);
  assertEquals(await relay.done, { side: "client", how: "end" });
  assertEquals([backend.text, client.text], ["question", "answer"]);
  const sum = (side: Side) =>
    observed.moved.filter(([from]) => from === side).reduce((total, [, bytes]) => total + bytes, 0);
  assertEquals([sum("client"), sum("backend")], [8, 6]);
}, PURE);

t("a relay passes the end of one direction on, and the other direction continues", async () => {
  const { client, backend, relay, observed } = relaying();
  client.gives("request", null);
  assertEquals(await isOver(relay), false);
  assertEquals([backend.text, backend.ends, client.ends], ["request", 1, 0]);
  assertEquals([client.closes, backend.closes], [0, 0]);
  backend.gives("late answer");
  await settled();
  assertEquals(client.text, "late answer");
  backend.gives(null);
  assertEquals(await relay.done, { side: "client", how: "end" });
  // The second direction is ended by the close.
  assertEquals([backend.ends, client.closes, backend.closes], [1, 1, 1]);
  assertEquals(observed.ended, [["client", "end"], ["backend", "end"]]);
}, PURE);

t("a relay reports which side ended first", async () => {
  const { client, backend, relay } = relaying();
  backend.gives(null);
  await settled();
  client.gives(null);
  assertEquals(await relay.done, { side: "backend", how: "end" });
}, PURE);

t("a relay closes each side exactly once, however it ends", async () => {
  const endings: [name: string, end: (r: ReturnType<typeof relaying>) => void][] = [
    ["both end", ({ client, backend }) => (client.gives(null), backend.gives(null))],
    ["client reset", ({ client }) => client.gives(RESET)],
    ["backend reset", ({ backend }) => backend.gives(RESET)],
    ["both reset", ({ client, backend }) => (client.gives(RESET), backend.gives(RESET))],
    ["closed", ({ relay }) => relay.close()],
    ["closed twice", ({ relay }) => (relay.close(), relay.close())],
    ["end, then reset", ({ client, backend }) => (client.gives(null), backend.gives(RESET))],
    ["reset, then closed", ({ client, relay }) => (client.gives(RESET), relay.close())],
  ];
  for (const [name, end] of endings) {
    const one = relaying();
    end(one);
    await one.relay.done;
    one.relay.close();
    await settled();
    assertEquals([one.client.closes, one.backend.closes], [1, 1], name);
    assert(one.observed.ended.length <= 2, name);
  }
}, PURE);

t("a client reset ends the relay at once, and resets the backend if possible", async () => {
  const { client, backend, relay, observed } = relaying();
  client.gives("abc", RESET);
  assertEquals(await relay.done, { side: "client", how: "reset" });
  assertEquals([backend.text, backend.resets, client.resets], ["abc", 1, 0]);
  assertEquals(observed.ended, [["client", "reset"]]);
}, PURE);

t("a backend reset ends the client's side too", async () => {
  const { client, backend, relay, observed } = relaying();
  backend.gives("xyz", RESET);
  assertEquals(await relay.done, { side: "backend", how: "reset" });
  assertEquals([client.text, client.resets, client.closes], ["xyz", 1, 1]);
  assertEquals(observed.ended, [["backend", "reset"]]);
}, PURE);

t("bytes already sent by a side that no longer accepts any still arrive", async () => {
  const { client, backend, relay } = relaying();
  backend.writeError = PIPE;
  client.gives("lost");
  await settled();
  backend.gives("last words");
  await settled();
  assertEquals(client.text, "last words");
  backend.gives(null);
  await relay.done;
  assertEquals([client.closes, backend.closes], [1, 1]);
}, PURE);

t("a failed write to a side that has ended ends the relay", async () => {
  const { client, backend, relay } = relaying();
  backend.gives(null);
  await settled();
  backend.writeError = PIPE;
  client.gives("late");
  assertEquals(await relay.done, { side: "backend", how: "end" });
}, PURE);

t("a relay ends even if neither side can be half-closed", async () => {
  const { client, backend, relay } = relaying();
  client.writeError = PIPE;
  backend.writeError = PIPE;
  client.gives(null);
  backend.gives(null);
  await relay.done;
}, PURE);

t("a closed relay does not report ends", async () => {
  const { relay, observed } = relaying();
  relay.close();
  assertEquals((await relay.done).how, "closed");
  await settled();
  assertEquals(observed.ended, []);
}, PURE);

t("a relay can be closed while a write is pending", async () => {
  const { client, backend, relay, observed } = relaying();
  backend.takes = 0;
  client.gives("stuck");
  await settled();
  relay.close();
  assertEquals((await relay.done).how, "closed");
  await settled();
  assertEquals([observed.moved, observed.ended], [[], []]);
}, PURE);

for (const mode of ["a message", "a stream"] as const) {
  t(`a closed relay is freed when a pending write of ${mode} has ended`, async () => {
    const { client, backend, relay } = relaying();
    backend.closeEndsWrites = false;
    if (mode === "a stream") {
      client.gives(new Uint8Array(4 * MAX_BUFFER_BYTES));
      await settled();
    }
    backend.takes = 0;
    client.gives("never delivered");
    await settled();
    assertEquals(relay.writingTo, ["backend"]);
    relay.close();
    relay.close();
    await relay.done;
    let freed = false;
    relay.freed()?.then(() => freed = true);
    await settled();
    assertEquals([freed, relay.writingTo, backend.closes], [false, ["backend"], 1]);
    backend.takeOn();
    await settled();
    assertEquals([freed, relay.writingTo, relay.freed()], [true, [], undefined]);
  });
}

t("an idle relay, and one that waits for the dump, are free at once when closed", async () => {
  for (const chunk of [undefined, () => new Promise<void>(() => {})]) {
    const { client, relay } = relaying({ chunk });
    if (chunk !== undefined) client.gives("held back");
    await settled();
    relay.close();
    await relay.done;
    assertEquals([relay.writingTo, relay.freed()], [[], undefined]);
  }
});

t("bytes are counted after the complete write, in however many pieces", async () => {
  const { client, backend, relay, observed } = relaying();
  backend.takes = 2;
  client.gives("abcde");
  await settled();
  assertEquals([backend.written.length, backend.text], [3, "abcde"]);
  assertEquals(observed.moved, [["client", 5]]);
  backend.takes = 0;
  client.gives("more");
  await settled();
  assertEquals(observed.moved.length, 1);
  backend.takeOn();
  await settled();
  assertEquals(observed.moved, [["client", 5], ["client", 4]]);
  relay.close();
  await relay.done;
}, PURE);

t("nothing is read from a side while the other side does not accept bytes", async () => {
  for (const chunk of [undefined, () => undefined]) {
    const { client, backend, relay } = relaying({ chunk });
    backend.takes = 0;
    client.gives(...Array.from({ length: 10 }, () => new Uint8Array(40_000)));
    await settled();
    const reads = client.asked.length;
    // One being written, and at most one waiting after it.
    assert(reads <= 2, `${reads} reads`);
    backend.gives("the other direction");
    await settled();
    assertEquals([client.text, client.asked.length], ["the other direction", reads]);
    relay.close();
    await relay.done;
  }
}, PURE);

t("buffers start small, grow with a stream, and shrink when it becomes a trickle", async () => {
  const { client, backend, relay } = relaying();
  client.gives(new Uint8Array(4 * MAX_BUFFER_BYTES));
  await settled();
  assertEquals([client.asked[0], Math.max(...client.asked)], [MIN_BUFFER_BYTES, MAX_BUFFER_BYTES]);
  client.gives(...Array<string>(100).fill("x"));
  await settled();
  assertEquals(client.asked.at(-1), MIN_BUFFER_BYTES);
  assertEquals(backend.text.length, 4 * MAX_BUFFER_BYTES + 100);
  relay.close();
  await relay.done;
}, PURE);

t("the observer sees a chunk before it is written, and may hold it back", async () => {
  const gate = Promise.withResolvers<void>();
  const seen: string[] = [];
  const { client, backend, relay } = relaying({
    chunk(side, bytes) {
      seen.push(`${side} ${latin1FromBytes(bytes)}`);
      return side === "client" ? gate.promise : undefined;
    },
  });
  client.gives("held");
  backend.gives("free");
  await settled();
  assertEquals(seen.toSorted(), ["backend free", "client held"]);
  assertEquals([backend.text, client.text], ["", "free"]);
  gate.resolve();
  await settled();
  assertEquals(backend.text, "held");
  relay.close();
  await relay.done;
}, PURE);

t("a read that started before the relay is used, whatever its result", async () => {
  const firsts: [first: () => Promise<number | null>, backendGets: string, how: Ending][] = [
    [() => Promise.resolve(5), "early", "end"],
    [() => Promise.resolve(null), "", "end"],
    [() => Promise.reject(RESET), "", "reset"],
  ];
  for (const [first, backendGets, how] of firsts) {
    const client = new FakeConn(), backend = new FakeConn();
    const buffer = new Uint8Array(32768);
    buffer.set(new TextEncoder().encode("early"));
    const links = { client: linkOf(client), backend: linkOf(backend) };
    const ahead = { buffer, arrived: 0, pending: first() };
    const relay = relayOf({ ...links, ahead });
    client.gives(null);
    await settled();
    backend.gives(null);
    assertEquals(await relay.done, { side: "client", how });
    assertEquals(backend.text, backendGets);
  }
}, PURE);

t(
  "what was read before the relay is its first chunk, and a read that is pending is the next",
  async () => {
    const tail: [pending: Promise<number | null> | undefined, backendGets: string][] = [
      [Promise.resolve(6), "early, later"],
      [Promise.resolve(null), "early,"],
      [undefined, "early,"],
    ];
    for (const size of [16, 16 << 10]) {
      for (const [pending, backendGets] of tail) {
        const client = new FakeConn(), backend = new FakeConn();
        const buffer = new Uint8Array(size);
        buffer.set(new TextEncoder().encode("early, later"));
        const links = { client: linkOf(client), backend: linkOf(backend) };
        const relay = relayOf({ ...links, ahead: { buffer, arrived: 6, pending } });
        client.gives(null);
        await settled();
        backend.gives(null);
        assertEquals(await relay.done, { side: "client", how: "end" });
        assertEquals(backend.text, backendGets);
      }
    }
  },
  PURE,
);

t("a thousand consecutive relays reuse buffers without mixing bytes", async () => {
  for (let i = 0; i < 1000; i++) {
    const { client, backend, relay } = relaying();
    client.gives(`question ${i}`, null);
    backend.gives(`answer ${i}`, null);
    await relay.done;
    assertEquals([backend.text, client.text], [`question ${i}`, `answer ${i}`]);
  }
}, PURE);

t("over sockets: five megabytes each way at the same time arrive unchanged", async () => {
  await using sockets = await relayedSockets();
  const { near, far, relay } = sockets;
  const up = randomBytes(5_000_000, 1), down = randomBytes(5_000_000, 2);
  const send = async (to: Deno.TcpConn, data: Uint8Array<ArrayBuffer>) => {
    await writeAll(to, data);
    await to.closeWrite();
  };
  const [, , atFar, atNear] = await Promise.all([
    send(near, up),
    send(far, down),
    hashToEnd(far),
    hashToEnd(near),
  ]);
  assertEquals([atFar.sha256, atNear.sha256], [sha256(up), sha256(down)]);
  assertEquals((await relay.done).how, "end");
});

t("over sockets: a request with half-close gets its answer", async () => {
  await using sockets = await relayedSockets();
  const { near, far, relay } = sockets;
  await writeAll(near, new TextEncoder().encode("request"));
  await near.closeWrite();
  assertEquals((await readToEnd(far)).text, "request");
  await writeAll(far, new TextEncoder().encode("answer"));
  await far.closeWrite();
  assertEquals(await readToEnd(near), {
    bytes: new TextEncoder().encode("answer"),
    text: "answer",
    end: "EOF",
  });
  assertEquals(await relay.done, { side: "client", how: "end" });
});

t("over sockets: closing the relay ends both sides, including pending reads", async () => {
  await using sockets = await relayedSockets();
  const { near, far, relay } = sockets;
  const both = Promise.all([readToEnd(near), readToEnd(far)]);
  relay.close();
  assertEquals((await both).map(({ text }) => text), ["", ""]);
  assertEquals((await relay.done).how, "closed");
});

/** Two real connections with a relay between them. */
async function relayedSockets() {
  const [near, client] = await pair();
  const [far, backend] = await pair();
  const relay = relayOf({ client: linkOf(client), backend: linkOf(backend) });
  return {
    near,
    far,
    relay,
    async [Symbol.asyncDispose]() {
      near[Symbol.dispose]();
      far[Symbol.dispose]();
      relay.close();
      await relay.done;
    },
  };
}

/** Both ends of a connection over loopback. */
async function pair(): Promise<[Deno.TcpConn, Deno.TcpConn]> {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { hostname, port } = listener.addr;
  return await Promise.all([Deno.connect({ hostname, port }), listener.accept()]);
}
