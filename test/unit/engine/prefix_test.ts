/** `Engine.relay()` with bytes for the backend before those of the client. */

import { assert, assertEquals } from "@std/assert";
import { joinBytes } from "../../../lib/base/bytes.ts";
import type { Side } from "../../../lib/base/side.ts";
import type { AcceptedLink, Engine, RelayObserver } from "../../../lib/engine/engine.ts";
import { openEngine } from "../../../lib/engine/engines.ts";
import { ENGINE_NAMES } from "../../../lib/engine/names.ts";
import { assertSameBytes, randomBytes } from "../../helpers/bytes.ts";
import { awaitedRelay, dialed } from "../../helpers/engine/awaited.ts";
import { whyNot } from "../../helpers/engine/can_run.ts";
import { accepting, type Peer } from "../../helpers/net/accepting.ts";
import { canBindSource, connect } from "../../helpers/net/client.ts";
import { skip, t, until, within } from "../../helpers/t.ts";

const PREFIX = new TextEncoder().encode("PREFIX;");
const sourceBinds = await canBindSource();

/** A relay with a prefix, between a client and a backend of the test. */
async function relayed(
  engine: Engine,
  before: (client: { send(data: string): Promise<void>; closeWrite(): Promise<void> }) => unknown,
  more: { source?: string | undefined; chunk?: RelayObserver["chunk"]; ahead?: boolean } = {},
) {
  const listener = engine.listen({ address: "127.0.0.1", port: 0 });
  assert(!("failure" in listener));
  const backend = await accepting();
  const [near, client] = await Promise.all([connect(listener.local.port), listener.accept()]);
  assert(!("failure" in client));
  if (more.ahead) engine.readAhead(client, { gone() {} });
  await before(near);
  const to = { address: "127.0.0.1", port: backend.port };
  const [link, far] = await Promise.all([dialed(engine, to, more.source), backend.accept()]);
  assert(typeof link !== "string");
  const moved: Record<Side, number> = { client: 0, backend: 0 };
  const relay = awaitedRelay(
    (all) => engine.relay(client as AcceptedLink, link, all, PREFIX),
    {
      moved: (side, bytes) => void (moved[side] += bytes),
      ...(more.chunk === undefined ? {} : { chunk: more.chunk }),
    },
  );
  return {
    ...{ near, far, relay, moved },
    async [Symbol.asyncDispose]() {
      relay.close();
      await relay.freed();
      await near.close();
      listener.close();
      await backend[Symbol.asyncDispose]();
    },
  };
}

/** One read as text; `EOF` at the end. */
async function read(peer: Peer): Promise<string> {
  const buffer = new Uint8Array(65536);
  const count = await within(peer.read(buffer), { timeoutMs: 5000, what: "bytes" });
  return count === null ? "EOF" : new TextDecoder().decode(buffer.subarray(0, count));
}

for (const name of ENGINE_NAMES) {
  const cannotRun = whyNot(name);
  if (cannotRun !== undefined) {
    skip(`${name}: all tests of prefixes`, cannotRun);
    continue;
  }
  const engine = openEngine(name, { isShared: true });
  const sources = sourceBinds ? [undefined, "127.0.0.1"] : [undefined];

  for (const source of sources) {
    const from = source === undefined ? "" : ` from ${source}`;

    for (const ahead of [true, false]) {
      const when = ahead ? "read ahead" : "not read yet";

      t(
        `${name}: a prefix and what the client has sent (${when}) leave together${from}`,
        async () => {
          await using one = await relayed(engine, (client) => client.send("first"), {
            source,
            ahead,
          });
          assertEquals(await read(one.far), "PREFIX;first");
          await one.near.send("second");
          assertEquals(await read(one.far), "second");
          await until(() => one.moved.client === 11, { what: "all bytes to be counted" });
        },
      );
    }

    t(`${name}: a prefix leaves alone if the client sends nothing${from}`, async () => {
      await using one = await relayed(engine, () => {}, { source, ahead: true });
      assertEquals(await read(one.far), "PREFIX;");
      assertEquals(one.moved.client, 0);
      await one.far.send("greeting");
      await until(() => one.moved.backend === 8, { what: "the greeting" });
      await one.near.send("late");
      assertEquals(await read(one.far), "late");
    });
  }

  for (const text of ["", "all"]) {
    t(`${name}: a prefix, [${text}] and the end of input arrive in this order`, async () => {
      const end = async (
        client: { send(data: string): Promise<void>; closeWrite(): Promise<void> },
      ) => {
        if (text !== "") await client.send(text);
        await client.closeWrite();
      };
      await using one = await relayed(engine, end, { ahead: true });
      let seen = "";
      for (let part = ""; part !== "EOF"; seen += part) part = await read(one.far);
      assertEquals(seen, `PREFIX;${text}EOF`);
      await one.far.send("answer");
      one.far.close();
      assertEquals(await one.relay.done, { side: "client", how: "end" });
      assertEquals([one.moved.client, one.moved.backend], [text.length, 6]);
    });
  }

  t(`${name}: an observer sees the chunks without the prefix, which waits with them`, async () => {
    const chunks: string[] = [], go = Promise.withResolvers<void>();
    const chunk = (side: Side, bytes: Uint8Array) => {
      chunks.push(`${side} ${new TextDecoder().decode(bytes)}`);
      return chunks.length === 1 ? go.promise : undefined;
    };
    await using one = await relayed(engine, (client) => client.send("a"), { chunk, ahead: true });
    await until(() => chunks.length === 1, { what: "a chunk" });
    go.resolve();
    assertEquals(await read(one.far), "PREFIX;a");
    await one.near.send("b");
    assertEquals(await read(one.far), "b");
    assertEquals(chunks, ["client a", "client b"]);
  });

  t(
    `${name}: much data after a prefix arrives unchanged though the backend reads late`,
    async () => {
      const bytes = randomBytes(8_000_000, 5);
      await using one = await relayed(engine, (client) => client.send("start"), { ahead: true });
      const sent = one.near.send(bytes).then(() => one.near.closeWrite());
      await until(() => one.moved.client > 100_000, { what: "the relay to move bytes" });
      const parts: Uint8Array[] = [], buffer = new Uint8Array(65536);
      for (;;) {
        const count = await within(one.far.read(buffer), { timeoutMs: 10_000, what: "bytes" });
        if (count === null) break;
        parts.push(buffer.slice(0, count));
      }
      await sent;
      const expected = joinBytes([new TextEncoder().encode("PREFIX;start"), bytes]);
      assertSameBytes(joinBytes(parts), expected);
      assertEquals(one.moved.client, expected.length - PREFIX.length);
    },
  );

  t(`${name}: a relay with a prefix ends if its backend has closed at once`, async () => {
    await using one = await relayed(engine, () => {}, { ahead: true });
    one.far.close();
    await one.near.closeWrite();
    await within(one.relay.done, { timeoutMs: 5000, what: "the end" });
  });
}
