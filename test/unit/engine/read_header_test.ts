/** `Engine.readHeader()`, and what follows a header, for all engines. */

import { assert, assertEquals } from "@std/assert";
import type { Ending } from "../../../lib/base/side.ts";
import type { AcceptedLink, Engine, HeaderObserver } from "../../../lib/engine/engine.ts";
import { openEngine } from "../../../lib/engine/engines.ts";
import { ENGINE_NAMES } from "../../../lib/engine/names.ts";
import { awaitedRelay, dialed } from "../../helpers/engine/awaited.ts";
import { whyNot } from "../../helpers/engine/can_run.ts";
import { randomBytes } from "../../helpers/bytes.ts";
import { canReset, echo } from "../../helpers/net/backends.ts";
import { type Client, connect, readToEnd } from "../../helpers/net/client.ts";
import { skip, t, until, within } from "../../helpers/t.ts";

const encode = (text: string) => new TextEncoder().encode(text);

/** A client of the test, and the engine's link to it. */
async function accepted(engine: Engine, options: { viaNode?: boolean } = {}) {
  const listener = engine.listen({ address: "127.0.0.1", port: 0 });
  assert(!("failure" in listener));
  const [near, link] = await Promise.all([
    connect(listener.local.port, options),
    listener.accept(),
  ]);
  listener.close();
  assert(!("failure" in link));
  return {
    near,
    link,
    async [Symbol.asyncDispose]() {
      link.close();
      await near.close();
    },
  };
}

/** Reads a header that ends with a newline; `undefined` if the input ends before. */
async function line(engine: Engine, link: AcceptedLink): Promise<string | undefined> {
  const over = Promise.withResolvers<void>();
  let found: string | undefined;
  const observer: HeaderObserver = {
    arrived(bytes) {
      const end = bytes.indexOf(10);
      if (end < 0) return undefined;
      found = new TextDecoder().decode(bytes.subarray(0, end));
      return end + 1;
    },
    over: over.resolve,
  };
  engine.readHeader(link, 100, observer);
  await within(over.promise, { timeoutMs: 5000, what: "the header" });
  return found;
}

/** Relays to a backend that echoes, and returns what the client gets back. */
async function echoed(engine: Engine, { near, link }: { near: Client; link: AcceptedLink }) {
  await using server = echo();
  const backend = await dialed(engine, { address: "127.0.0.1", port: server.port });
  assert(typeof backend !== "string");
  const relay = awaitedRelay((all) => engine.relay(link, backend, all));
  const { bytes } = await readToEnd(near);
  await relay.done;
  return bytes;
}

for (const name of ENGINE_NAMES) {
  const cannotRun = whyNot(name);
  if (cannotRun !== undefined) {
    skip(`${name}: readHeader()`, cannotRun);
    continue;
  }
  const engine = openEngine(name, { isShared: true });

  t(`${name}: what follows a header is relayed, whatever its length`, async () => {
    for (const length of [0, 1, 92, 500, 512, 513, 2000, 2045, 2048, 5000, 100_000]) {
      await using one = await accepted(engine);
      const payload = randomBytes(length, length);
      const all = new Uint8Array([...encode("a\n"), ...payload]);
      await one.near.send(all);
      await one.near.closeWrite();
      assertEquals(await line(engine, one.link), "a");
      assertEquals(await echoed(engine, one), payload, `${length}`);
    }
  });

  t(`${name}: a header may arrive in pieces, and reading ahead continues after it`, async () => {
    for (const rest of ["", "rest", "r".repeat(600)]) {
      await using one = await accepted(engine);
      const header = line(engine, one.link);
      for (const piece of ["he", "ad", `er\n${rest}`]) {
        await one.near.send(piece);
        await engine.nextTurn();
      }
      assertEquals(await header, "header");
      let gone = 0;
      engine.readAhead(one.link, { gone: () => gone++ });
      await one.near.send(" and more");
      await one.near.closeWrite();
      const bytes = await echoed(engine, one);
      assertEquals(new TextDecoder().decode(bytes), `${rest} and more`);
      assert(gone <= 1);
    }
  });

  t(`${name}: readAhead() reports an end that came with the header`, async () => {
    for (const rest of ["", "rest"]) {
      await using one = await accepted(engine);
      await one.near.send(`header\n${rest}`);
      await one.near.closeWrite();
      assertEquals(await line(engine, one.link), "header");
      const gone = Promise.withResolvers<[Ending, number]>();
      let hasReturned = false;
      engine.readAhead(one.link, {
        gone: (how, bytes) => {
          assert(hasReturned);
          gone.resolve([how, bytes]);
        },
      });
      hasReturned = true;
      const [how, bytes] = await within(gone.promise, { timeoutMs: 5000, what: "the end" });
      assertEquals([how, bytes], ["end", rest.length]);
      assertEquals(new TextDecoder().decode(await echoed(engine, one)), rest);
    }
  });

  t(`${name}: the input may end before the header is complete`, async () => {
    for (const start of ["", "head"]) {
      await using one = await accepted(engine);
      const header = line(engine, one.link);
      await one.near.send(start);
      await one.near.closeWrite();
      assertEquals(await header, undefined);
    }
    if (!canReset) return;
    await using one = await accepted(engine, { viaNode: true });
    const header = line(engine, one.link);
    await one.near.send("head");
    await one.near.reset();
    assertEquals(await header, undefined);
  });

  t(`${name}: a link that is closed while its header is read reports none`, async () => {
    await using one = await accepted(engine);
    const found: number[] = [];
    engine.readHeader(one.link, 100, {
      arrived(bytes) {
        found.push(bytes.length);
        return undefined;
      },
      over() {},
    });
    await one.near.send("head");
    await until(() => found.length > 0, { what: "the first bytes" });
    one.link.close();
    assertEquals((await readToEnd(one.near)).text, "");
    assertEquals(found, [4]);
  });

  if (name === "streams") continue;
  t(`${name}: reset() closes with a reset, also what has sent nothing`, async () => {
    await using one = await accepted(engine);
    one.link.reset?.();
    assertEquals((await readToEnd(one.near)).end, "RST");
    one.link.reset?.();
    one.link.close();
  });
}
