/** The dump shows the PROXY header for the backend, and nowhere else. */

import { assert, assertEquals } from "@std/assert";
import { joinBytes } from "../../../lib/base/bytes.ts";
import { randomBytes } from "../../helpers/bytes.ts";
import { complaints, follow } from "../../helpers/dump/capture_tools.ts";
import { readConversations } from "../../helpers/dump/pcapng_conversations.ts";
import { readExactly, readText, readToEnd } from "../../helpers/net/client.ts";
import { talk } from "../../helpers/net/control_socket.ts";
import { startControlled } from "../../helpers/program/start_controlled.ts";
import { dial } from "../../helpers/proxy_protocol/dial.ts";
import { headerBackend } from "../../helpers/proxy_protocol/header_backend.ts";
import { v1, v2 } from "../../helpers/proxy_protocol/reference.ts";
import { t, until, withTools } from "../../helpers/t.ts";
import { tempDir } from "../../helpers/temp_dir.ts";

const PAYLOAD = randomBytes(200_000, 3);

/** Sends some text and a payload through balance, with a dump of one side; returns its file. */
async function dumped(
  side: "client" | "server" | "both",
  format: "text" | "hex" | "json" | "pcapng",
  more: { form?: string; argv?: string[]; payload?: Uint8Array<ArrayBuffer> } = {},
) {
  const { form = "v1", argv = [], payload = PAYLOAD } = more, dir = tempDir();
  await using server = headerBackend({ greeting: "220 ready\n" });
  const file = `${dir.path}/dump`;
  await using balance = await startControlled([
    ...["-f", "--send-proxy", form, "--dump-file", file, "--dump-format", format],
    ...["--dump-side", side, ...argv, "PORT", server.address],
  ]);
  const client = await dial("127.0.0.1", balance.port, "hello");
  assertEquals(await readText(client.conn, 15), "220 ready\nhello");
  const echoed = readExactly(client.conn, payload.length);
  for (let at = 0; at < payload.length;) at += await client.conn.write(payload.subarray(at));
  await echoed;
  await client.conn.closeWrite();
  assertEquals((await readToEnd(client.conn)).end, "EOF");
  const { source, destination } = client;
  client[Symbol.dispose]();
  await balance.stop();
  const header = form === "v1" ? v1(source, destination) : v2(source, destination);
  assertEquals([server.faults, server.raw[0]?.toHex()], [[], header.toHex()]);
  return { file, header, source, destination, [Symbol.dispose]: () => dir[Symbol.dispose]() };
}

const HELLO = new TextEncoder().encode("hello"), READY = new TextEncoder().encode("220 ready\n");

for (const form of ["v1", "v2"]) {
  t(`pcapng: the conversation with the backend starts with the header of ${form}`, async () => {
    using one = await dumped("both", "pcapng", { form });
    const [client, server] = readConversations(Deno.readFileSync(one.file));
    const payload = joinBytes([HELLO, PAYLOAD]), answer = joinBytes([READY, payload]);
    assertEquals([client?.missing, server?.missing], [0, 0]);
    assertEquals(client?.sent, payload);
    assertEquals(server?.sent, joinBytes([one.header, payload]));
    assertEquals([client?.rcvd, server?.rcvd], [answer, answer]);
    using alone = await dumped("server", "pcapng", { form });
    const [only, ...rest] = readConversations(Deno.readFileSync(alone.file));
    assertEquals([only?.sent, only?.missing], [joinBytes([alone.header, payload]), 0]);
    assertEquals(rest, []);
    using near = await dumped("client", "pcapng", { form });
    const [plain] = readConversations(Deno.readFileSync(near.file));
    assertEquals([plain?.sent, plain?.missing], [payload, 0]);
  });
}

withTools(["tshark"], "tshark has no complaints about a conversation with a header", async () => {
  using one = await dumped("both", "pcapng");
  assertEquals(await complaints(one.file), []);
  const streams = await follow(one.file, 2);
  const lengths = streams.map(({ sent }) => sent.client.length).sort((a, b) => a - b);
  const payload = HELLO.length + PAYLOAD.length;
  assertEquals(lengths, [payload, payload + one.header.length]);
});

t("pcapng: sequence numbers stay right in each file, and if the header is not shown", async () => {
  using one = await dumped("server", "pcapng", { argv: ["--dump-rotate", "20k,50"] });
  const names = [...Deno.readDirSync(one.file.slice(0, -"/dump".length))].map(({ name }) => name);
  // How many depends on how much is written at a time.
  assert(names.length > 1, names.join(" "));
  const number = (name: string) => Number(/\.(\d+)$/.exec(name)?.[1] ?? 0);
  const all = names.sort((a, b) => number(b) - number(a)).flatMap((name) =>
    readConversations(Deno.readFileSync(`${one.file}${name.slice("dump".length)}`))
  );
  assertEquals(
    joinBytes(all.map(({ sent }) => sent)),
    joinBytes([one.header, HELLO, PAYLOAD]),
  );
  const payload = new TextEncoder().encode("find me");
  using found = await dumped("server", "pcapng", { argv: ["--dump-match", "find"], payload });
  const [part] = readConversations(Deno.readFileSync(found.file));
  // Left out are the header, the greeting, and the first text in both directions.
  assertEquals(part?.missing, found.header.length + READY.length + 2 * HELLO.length);
  assertEquals(part?.sent, payload);
});

t("text: only a dump of the server's side has the header, before the first payload", async () => {
  const payload = new TextEncoder().encode("bye");
  for (const side of ["client", "server", "both"] as const) {
    using one = await dumped(side, "text", { payload });
    const text = Deno.readTextFileSync(one.file), line = new TextDecoder().decode(one.header);
    const shown = `-> ${line.length}\n${line.trimEnd()}\\0D\\0A\n\n`;
    assertEquals(text.startsWith(shown), side !== "client", text);
    assertEquals(text.split("PROXY").length - 1, side === "client" ? 0 : 1);
  }
});

t("hex and json: the header has the addresses of its own connection", async () => {
  const payload = new TextEncoder().encode("bye");
  for (const side of ["client", "server", "both"] as const) {
    const count = side === "client" ? 0 : 1;
    using hex = await dumped(side, "hex", { payload });
    const paragraphs = Deno.readTextFileSync(hex.file).split("\n\n");
    const shown = paragraphs.filter((one) => one.includes("|PROXY TCP4 "));
    assertEquals(shown.length, count);
    const { source } = hex, client = `${source.address}:${source.port}`;
    assertEquals(shown.some((one) => one.split("\n")[0]!.includes(client)), false);
    using json = await dumped(side, "json", { payload });
    const records = Deno.readTextFileSync(json.file).trim().split("\n").map((one) =>
      JSON.parse(one)
    );
    const data = records.filter(({ type }) => type === "data");
    const headers = data.filter(({ text }) => text?.startsWith("PROXY "));
    assertEquals(headers.length, count);
    if (count === 1) {
      assertEquals(data[0], headers[0]);
      assertEquals([headers[0].side, headers[0].direction], ["server", "client"]);
      assertEquals(headers[0].data, json.header.toBase64());
    }
  }
});

t("a dump that starts later shows no header of connections that have sent theirs", async () => {
  using dir = tempDir();
  await using server = headerBackend();
  await using balance = await startControlled(["-f", "--send-proxy", "v1", "PORT", server.address]);
  using first = await dial("127.0.0.1", balance.port, "one");
  assertEquals(await readText(first.conn, 3), "one");
  const file = `${dir.path}/dump.txt`;
  await talk(balance.socket, `dump on ${file} side both\n`);
  using second = await dial("127.0.0.1", balance.port, "two");
  assertEquals(await readText(second.conn, 3), "two");
  await first.conn.write(new TextEncoder().encode("more"));
  assertEquals(await readText(first.conn, 4), "more");
  await talk(balance.socket, "dump off\n");
  const read = () => Deno.readTextFileSync(file);
  await until(() => read().includes("more"), { what: "the dump" });
  const text = read();
  assertEquals(text.split("PROXY").length - 1, 1);
  assert(text.includes(` ${second.source.port} `), text);
});
