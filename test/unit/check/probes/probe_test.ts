/** What ends a probe: the backend, the time limit, or the caller. */

import { assert, assertEquals, assertLess, assertMatch } from "@std/assert";
import { open } from "../../../../lib/check/probes/open.ts";
import { failedWith } from "../../../../lib/check/probes/verdict.ts";
import { denoBinder } from "../../../../lib/engine/deno/deno_engine.ts";
import { answering, outcome, probing } from "../../../helpers/check/probing.ts";
import {
  backend,
  blackHole,
  canReset,
  closing,
  refusing,
  resetting,
} from "../../../helpers/net/backends.ts";
import { dialing } from "../../../helpers/net/tcp_sockets.ts";
import { skip, t, until } from "../../../helpers/t.ts";

/** Checks that read an answer. */
const READING = ["http:/", "expect:never", "redis", "postgres", "mysql", "smtp"];

/** A timeout that a process meets which does not run for a while, to connect and to receive. */
const LONG_MS = 2000;

t("tcp passes when the connection opens, and closes it", async () => {
  await using server = answering("");
  const { ms, ...result } = await probing("tcp", server.port);
  assertEquals(result, { ok: true, text: "connected" });
  assert(ms > 0);
  await until(() => server.accepted === 1 && server.open === 0, {
    what: "the connection to close",
  });
  assertEquals(server.received, "");
});

t("none passes without a connection", async () => {
  await using server = closing();
  assertEquals(await outcome("none", server.port), { ok: true, text: "not checked" });
  assertEquals(server.accepted, 0);
});

t("each check fails at once if the connection is refused, also with port 0", async () => {
  await using dead = refusing();
  for (const check of ["tcp", ...READING, "send:x", `agent:${dead.port}`]) {
    const refused = { ok: false, text: "connection refused" };
    assertEquals(await outcome(check, dead.port), refused, check);
    if (!check.startsWith("agent")) assertEquals(await outcome(check, 0), refused, check);
  }
});

t("a connect without an answer ends at the timeout, without a descriptor left", async () => {
  await using hole = await blackHole();
  const { ok, text, ms } = await probing("tcp", hole.port, { timeoutMs: 300 });
  assertEquals([ok, text], [false, "timeout after 0.3 s"]);
  // A timer may be a fraction of a millisecond early.
  assertLess(299, ms);
  assertEquals(await outcome("http:/", hole.port, { timeoutMs: 50 }), {
    ok: false,
    text: "timeout after 0.05 s",
  });
  await until(() => dialing(hole.port) === 0, { what: "the sockets to be closed" });
});

t("each check that reads ends at the timeout if the backend accepts and hangs", async () => {
  await using server = answering("");
  await Promise.all(READING.map(async (check) => {
    const { ok, text, ms } = await probing(check, server.port, { timeoutMs: LONG_MS });
    assertEquals([ok, text], [false, "timeout after 2 s without an answer"], check);
    assertLess(LONG_MS - 1, ms);
  }));
  await until(() => server.open === 0, { what: "the connections to be closed" });
});

t(
  "a backend that sends a byte now and then is cut off at the timeout, with what it sent",
  async () => {
    const bytes: Record<string, string> = {
      "http:/": "HTTP/1.1 ",
      "redis": "+PON",
      "mysql": "\xf0\xff\0\0\n",
      "smtp": "220-",
      "expect:never": "neve",
    };
    await Promise.all(
      Object.entries(bytes).map(async ([check, start]) => {
        await using server = backend(async (conn) => {
          for (let i = 0;; i++) {
            await conn.write(new Uint8Array([i < start.length ? start.charCodeAt(i) : 0x20]));
            await new Promise((resolve) => setTimeout(resolve, 20));
          }
        });
        const { ok, text } = await probing(check, server.port, { timeoutMs: LONG_MS });
        assertEquals(ok, false);
        assertMatch(text, /^timeout after 2 s, received ".+/, check);
        await until(() => server.open === 0, { what: "the connection to be closed" });
      }),
    );
  },
);

t("endless data ends each check early, in a short and printable text", async () => {
  for (const byte of [0, 0x0a, 0x1b, 0x32, 0xff]) {
    await using server = backend(async (conn) => {
      for (const chunk = new Uint8Array(65536).fill(byte);;) await conn.write(chunk);
    });
    for (const check of [...READING, `agent:${server.port}`]) {
      const { ok, text } = await probing(check, server.port);
      assertEquals(ok, false, text);
      assertMatch(text, /^[\x20-\x7e]{1,80}$/, check);
    }
    await until(() => server.open === 0, { what: "all connections to be closed" });
  }
});

t("garbage never passes, and its text is short and printable", async () => {
  const random = crypto.getRandomValues(new Uint8Array(3000));
  // No check is to pass by chance.
  random[0] = 0x80;
  const garbage = Array.from(random, (byte) => String.fromCharCode(byte)).join("");
  await using server = answering(`${garbage}\n`, { hangUp: true });
  for (const check of [...READING, `agent:${server.port}`]) {
    const { ok, text } = await probing(check, server.port);
    assertEquals(ok, false, text);
    // deno-lint-ignore no-control-regex
    assertMatch(text, /^[^\x00-\x1f\x7f-\x9f]{1,80}$/, check);
  }
});

if (!canReset) skip("a backend that resets fails each check but tcp", "this Deno cannot reset");
else {
  t("a backend that resets fails each check but tcp", async () => {
    for (const when of ["connect", "data"] as const) {
      await using server = await resetting(when);
      assertEquals(await outcome("tcp", server.port), { ok: true, text: "connected" });
      for (const check of ["http:/", "redis", "postgres", "send:x/expect:y"]) {
        const { ok, text } = await outcome(check, server.port);
        assertEquals(ok, false, check);
        assertMatch(text, /^(connection reset by peer|broken pipe|closed without an answer)$/);
      }
    }
  });
}

t("the caller can end a probe at once, before and while it runs", async () => {
  await using silent = answering("");
  await using hole = await blackHole();
  const canceled = { ok: false, text: "canceled" };
  const port = silent.port;
  assertEquals(await outcome("tcp", port, { signal: AbortSignal.abort() }), canceled);
  assertEquals(await outcome("redis", port, { signal: AbortSignal.abort() }), canceled);
  for (const [check, at] of [["tcp", hole.port], ["redis", port]] as const) {
    const end = new AbortController();
    const result = outcome(check, at, { signal: end.signal });
    if (check === "redis") await until(() => silent.received !== "", { what: "the PING" });
    end.abort();
    assertEquals(await result, canceled, check);
  }
  await until(() => silent.open === 0, { what: "the connections to be closed" });
});

t("a thousand probes of all kinds at once leave no connection", async () => {
  await using server = closing();
  await using silent = answering("");
  await using dead = refusing();
  const checks = ["tcp", ...READING];
  await Promise.all(Array.from({ length: 1000 }, (_, i) => {
    const { port } = [server, silent, dead][i % 3]!;
    return probing(checks[i % checks.length]!, port, { timeoutMs: 1000 + (i % 2) });
  }));
  await until(() => server.open + silent.open === 0, { what: "all connections to be closed" });
});

const FROM = "a probe connects from the address of -B";
if (await denoBinder.canDialFrom("127.0.0.2") !== "yes") {
  skip(FROM, "this Deno cannot bind a source address");
} else {
  t(FROM, async () => {
    await using server = answering("+PONG\r\n");
    for (const check of ["tcp", "redis"]) {
      assertEquals((await outcome(check, server.port, { source: "127.0.0.2" })).ok, true);
    }
    await until(() => server.accepted === 2 && server.open === 0, { what: "both to be closed" });
    assertEquals(server.peers, ["127.0.0.2", "127.0.0.2"]);
    await using dead = refusing();
    assertEquals(await outcome("tcp", dead.port, { source: "127.0.0.2" }), {
      ok: false,
      text: "connection refused",
    });
    await using hole = await blackHole();
    assertEquals(await outcome("tcp", hole.port, { source: "127.0.0.2", timeoutMs: 100 }), {
      ok: false,
      text: "timeout after 0.1 s",
    });
  });
}

t("an address that cannot be reached fails with the reason of the system", async () => {
  const { ok, text } = await outcome("tcp", 80, { address: "255.255.255.255" });
  assertEquals(ok, false);
  assertMatch(text, /^(network is unreachable|permission denied)$/);
  assertEquals(
    await open({ address: "127.0.0.1", port: 1 }, AbortSignal.abort("x")).catch(String),
    "x",
  );
});

t("a shortage of this process is marked as inconclusive", () => {
  const shortage = Object.assign(new Error("Too many open files (os error 24)"), {
    code: "EMFILE",
  });
  assertEquals<unknown>(failedWith(shortage), {
    ok: false,
    text: "too many open files",
    inconclusive: true,
  });
  const refused = new Deno.errors.ConnectionRefused("Connection refused (os error 111)");
  assertEquals(failedWith(refused), { ok: false, text: "connection refused" });
}, { permissions: "none" });
