/** Health checks of channels with a PROXY header announce that they have no client. */

import { assertEquals } from "@std/assert";
import { outcome } from "../../helpers/check/probing.ts";
import { backend } from "../../helpers/net/backends.ts";
import { talk } from "../../helpers/net/control_socket.ts";
import { startControlled } from "../../helpers/program/start_controlled.ts";
import { t, until } from "../../helpers/t.ts";

const V1 = "PROXY UNKNOWN\r\n";
/** The signature, LOCAL, UNSPEC, and no bytes more. */
const V2 = String.fromCharCode(...Uint8Array.fromHex("0d0a0d0a000d0a515549540a20000000"));

/** A backend that answers; `reads` has each read of each connection, a character for each byte. */
function recording(answer: string) {
  const reads: string[][] = [];
  const server = backend(async (conn) => {
    const mine: string[] = [], buffer = new Uint8Array(1000);
    reads.push(mine);
    for (;;) {
      const count = await conn.read(buffer);
      if (count === null) break;
      mine.push(String.fromCharCode(...buffer.subarray(0, count)));
      if (mine.length === 1) await conn.write(new TextEncoder().encode(answer));
    }
  });
  return Object.defineProperties(server, { reads: { value: reads } }) as
    & typeof server
    & { readonly reads: readonly string[][] };
}

for (const [form, header] of [["v1", V1], ["v2", V2], ["v2,id", V2]] as const) {
  for (
    const [spec, sent, answer] of [
      ["tcp", "", ""],
      ["http:/x", "GET /x HTTP/1.1\r\n", "HTTP/1.1 200 OK\r\n\r\n"],
      ["send:hi/expect:yes", "hi", "yes"],
      ["expect:220", "", "220 ready\r\n"],
      ["send:hi", "hi", ""],
      ["redis", "PING\r\n", "+PONG\r\n"],
      ["smtp", "", "220 ready\r\n"],
    ] as const
  ) {
    t(`${spec} with ${form}: the header comes first, in one write with what follows`, async () => {
      await using server = recording(answer);
      const { ok, text } = await outcome(spec, server.port, { sendProxy: form });
      assertEquals([ok, text.includes("timeout")], [true, false]);
      await until(() => (server.reads[0]?.length ?? 0) > 0, { what: "the header" });
      const [first = ""] = server.reads[0] ?? [];
      assertEquals(first.slice(0, header.length + sent.length), header + sent);
      if (sent === "") assertEquals(first, header);
    });
  }
}

t("an agent, a program and a check without the option get no header", async () => {
  await using agent = recording("up\n");
  const spec = `agent:${agent.port}`;
  await outcome("send:x", agent.port, { sendProxy: "none" });
  assertEquals((await outcome("exec:true", agent.port, { sendProxy: "v1" })).ok, true);
  const asked = outcome(spec, 9, { sendProxy: "v1" });
  await until(() => agent.reads.length === 2, { what: "the agent to be asked" });
  assertEquals(agent.reads[0], ["x"]);
  // It waits for the first byte, which never comes.
  await agent[Symbol.asyncDispose]();
  await asked;
  assertEquals(agent.reads[1], []);
});

t("the program checks each channel with its header, and another port without one", async () => {
  await using common = recording("+PONG\r\n");
  await using own = recording("+PONG\r\n");
  await using other = recording("+PONG\r\n");
  await using balance = await startControlled([
    ...["-f", "--check", "redis", "--interval", "0.1", "--send-proxy", "v1", "PORT"],
    ...[common.address, `${own.address},send-proxy=v2`],
    `${common.address},check-port=${other.port}`,
  ], { expectStderr: "any" });
  const firsts = (one: typeof common) => new Set(one.reads.map(([first]) => first));
  await until(() => [common, own, other].every(({ reads }) => (reads[1]?.length ?? 0) > 0), {
    what: "two checks of each channel",
  });
  assertEquals(firsts(common), new Set([`${V1}PING\r\n`]));
  assertEquals(firsts(own), new Set([`${V2}PING\r\n`]));
  assertEquals(firsts(other), new Set(["PING\r\n"]));
  const checks = JSON.parse(await talk(balance.socket, "checks --json\n"));
  assertEquals(checks.map(({ last }: { last: { ok: boolean } }) => last.ok), [true, true, true]);
});
