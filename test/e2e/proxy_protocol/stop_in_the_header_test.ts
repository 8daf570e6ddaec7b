/** A stop, a takeover and a reload while peers have sent half of their header. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { echo } from "../../helpers/net/backends.ts";
import { exchange, readText, readToEnd, refused } from "../../helpers/net/client.ts";
import { freePort } from "../../helpers/net/ports.ts";
import { startBackground } from "../../helpers/program/start_background.ts";
import { startControlled } from "../../helpers/program/start_controlled.ts";
import { connections, dial, type Dialed } from "../../helpers/proxy_protocol/dial.ts";
import { v1, v2, withPayload } from "../../helpers/proxy_protocol/reference.ts";
import { startConfigured } from "../../helpers/reload/start_configured.ts";
import { sessionProxy } from "../../helpers/takeover/session_proxy.ts";
import { later, t, until, within } from "../../helpers/t.ts";

const SOURCE = { address: "192.0.2.1", port: 56324 };
const DESTINATION = { address: "198.51.100.7", port: 443 };
const HEADERS = [v1(SOURCE, DESTINATION), v2(SOURCE, DESTINATION, { crc: true })];
const TRUST = ["--accept-proxy", "127.0.0.1"];

/** Connections that have sent half of a header, one of each version, which balance has accepted. */
async function halfway(port: number, socket: string): Promise<Dialed[]> {
  const all = [];
  for (const header of HEADERS) all.push(await dial("127.0.0.1", port, header.slice(0, 20)));
  await until(async () => (await connections(socket)).length >= all.length, {
    what: "connections in the header",
  });
  return all;
}

/** Sends the other half, and expects to be served. */
async function completed(all: readonly Dialed[]): Promise<void> {
  for (const [i, { conn }] of all.entries()) {
    await conn.write(withPayload(HEADERS[i]!.slice(20), "hello"));
    assertEquals(await readText(conn, 5), "hello");
    await conn.closeWrite();
    await readToEnd(conn);
    conn.close();
  }
}

t("a stop waits for peers in the header, but not longer than for the header", async () => {
  await using server = echo();
  await using balance = await startControlled(["-f", ...TRUST, "PORT", server.address], {
    expectStderr: "any",
  });
  const silent = await dial("127.0.0.1", balance.port);
  const all = await halfway(balance.port, balance.socket).catch((error) => {
    silent.conn.close();
    throw error;
  });
  balance.kill("SIGTERM");
  try {
    await refused(balance.port);
    await completed(all);
    // Without a limit for the header, it would wait for the silent one.
    const { code } = await within(balance.ended, { timeoutMs: 30_000, what: "the stop" });
    assertEquals(code, 0);
  } finally {
    silent.conn.close();
  }
});

t("after a takeover, peers in the header are served by the old program", async () => {
  await using server = echo();
  const port = freePort(), argv = [...TRUST, "PORT", server.address];
  await using old = await startBackground(argv, { port });
  // The successor is started and listens before the peers connect, who have only 5 seconds.
  const held = Promise.withResolvers<void>();
  await using proxy = sessionProxy({ port, target: old.socket }, (line) => {
    if (!line.includes('"commit"')) return false;
    held.resolve();
    return true;
  });
  const starting = later(
    startBackground(["--takeover", ...argv], { port, rundir: proxy.rundir }),
  );
  await within(Promise.race([held.promise, starting]), { timeoutMs: 30_000, what: "a successor" });
  const all = await halfway(port, old.socket);
  proxy.release();
  await using next = await starting;
  assert(next.pid !== old.pid);
  await completed(all);
  await old.gone(20_000);
  for (const header of HEADERS) {
    assertEquals((await exchange(port, withPayload(header, "x"))).length, 1);
  }
});

t("a reload does not touch peers in the header, and applies to the next ones", async () => {
  await using server = echo();
  await using configured = await startConfigured(["accept-proxy 127.0.0.1", server.address]);
  const { balance } = configured;
  const all = await halfway(balance.port, balance.socket);
  const reply = await configured.reload("accept-proxy 10.0.0.0/8", server.address);
  assertMatch(reply, /accept-proxy/);
  await completed(all);
  const plain = withPayload(HEADERS[0]!, "hello");
  const got = await exchange(balance.port, plain);
  if (/restart/.test(reply)) assertEquals(new TextDecoder().decode(got), "hello");
  else assertEquals(got, plain);
});
