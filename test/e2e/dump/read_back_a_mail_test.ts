/** Dumps of an SMTP session in each format, read back. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { joinBytes, writeAll } from "../../../lib/base/bytes.ts";
import schema from "../../../lib/dump/formats/json.schema.json" with { type: "json" };
import { follow, noDissector, run } from "../../helpers/dump/capture_tools.ts";
import { violations } from "../../helpers/json_schema.ts";
import { backend, refusing } from "../../helpers/net/backends.ts";
import { connect, readLine, readText, readToEnd } from "../../helpers/net/client.ts";
import { startBalance } from "../../helpers/program/start_balance.ts";
import { t, until, withTools } from "../../helpers/t.ts";
import { tempDir } from "../../helpers/temp_dir.ts";

const encode = (text: string) => new TextEncoder().encode(text);
const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

/** A minimal SMTP server. */
function mailServer() {
  return backend(async (conn) => {
    await writeAll(conn, encode("220 mail.example ESMTP\r\n"));
    const client = { read: (buffer: Uint8Array<ArrayBuffer>) => conn.read(buffer) };
    for (let isData = false;;) {
      const line = await readLine(client);
      if (line === "EOF" || line === "RST") return;
      if (isData && line !== ".\r") continue;
      isData = line === "DATA\r";
      const answer = line.startsWith("EHLO")
        ? "250-mail.example\r\n250 8BITMIME\r\n"
        : isData
        ? "354 go on\r\n"
        : line === "QUIT\r"
        ? "221 bye\r\n"
        : "250 ok\r\n";
      await writeAll(conn, encode(answer));
      if (line === "QUIT\r") return;
    }
  });
}

const MAIL: readonly (readonly [string, string])[] = [
  ["EHLO me.example\r\n", "250-mail.example\r\n250 8BITMIME\r\n"],
  ["MAIL FROM:<a@me.example>\r\n", "250 ok\r\n"],
  ["RCPT TO:<b@mail.example>\r\n", "250 ok\r\n"],
  ["DATA\r\n", "354 go on\r\n"],
  ["Subject: \u00fcber\r\n\r\nhello\r\n.\r\n", "250 ok\r\n"],
  ["QUIT\r\n", "221 bye\r\n"],
];
const MAIL_SENT = MAIL.map(([line]) => line).join("");
const MAIL_RCVD = "220 mail.example ESMTP\r\n" + MAIL.map(([, answer]) => answer).join("");

/** Sends a mail through a balance with these options, and stops it. */
async function sendMail(options: readonly string[]): Promise<{ port: number; stdout: Uint8Array }> {
  await using server = mailServer();
  await using dead = refusing();
  // The first channel refuses, so that the dump has a failover.
  const argv = ["-f", ...options, "PORT", dead.address, server.address];
  await using balance = await startBalance(argv);
  await using client = await connect(balance.port);
  assertEquals(await readText(client, 24), "220 mail.example ESMTP\r\n");
  for (const [line, answer] of MAIL) {
    await client.send(line);
    assertEquals(await readText(client, answer.length), answer);
  }
  assertEquals((await readToEnd(client)).end, "EOF");
  await client.close();
  await until(() => server.open === 0);
  await balance.stop();
  return { port: balance.port, stdout: balance.stdoutBytes };
}

withTools(["tshark"], "tshark reads a mail and the failover before it", async () => {
  using dir = tempDir();
  const file = `${dir.path}/mail.pcapng`;
  const { port } = await sendMail(["--dump-file", file]);
  const [stream] = await follow(file, 1, noDissector(port));
  assertEquals(decode(stream!.sent.client), MAIL_SENT);
  assertEquals(decode(stream!.sent.backend), MAIL_RCVD);
  const { stdout } = await run("tshark", [
    ...["-r", file, "-d", `tcp.port==${port},smtp`, "-T", "fields"],
    ...["-e", "smtp.req.command", "-e", "smtp.response.code", "-e", "frame.comment"],
  ]);
  const words = stdout.split(/[\t\n]/).filter(Boolean);
  assertEquals(
    words.filter((word) => /^[A-Z]+$/.test(word)).join(" "),
    "EHLO MAIL RCPT DATA QUIT",
  );
  assert(words.includes("connect to group 0 channel 0 failed: refused"), stdout);
  assert(words.some((word) => word.startsWith("connected channel 0.1 from 127.0.0.1:")), stdout);
});

withTools(["text2pcap", "tshark"], "text2pcap reads a mail from a hex dump", async () => {
  using dir = tempDir();
  const file = `${dir.path}/mail.hex`, capture = `${dir.path}/mail.pcapng`;
  const { port } = await sendMail(["--dump-file", file]);
  const { code } = await run("text2pcap", [
    ...["-D", "-t", "%Y-%m-%d %H:%M:%S.%f", "-T", `40001,${port}`, "-4", "127.0.0.1,127.0.0.2"],
    ...[file, capture],
  ]);
  assertEquals(code, 0);
  // Without a handshake the first sender counts as the client.
  const [stream] = await follow(capture, 1, noDissector(port));
  assertEquals(decode(stream!.sent.backend), MAIL_SENT);
  assertEquals(decode(stream!.sent.client), MAIL_RCVD);
});

t("a JSON dump on stdout has the mail, and every line conforms to the schema", async () => {
  const { stdout } = await sendMail(["-p", "--dump-format", "json"]);
  const lines = decode(stdout).trimEnd().split("\n").map((line) => JSON.parse(line));
  for (const line of lines) assertEquals(violations(schema, line), []);
  const dataOf = (who: string) =>
    lines.filter(({ type, direction }) => type === "data" && direction === who);
  assertEquals(dataOf("client").map(({ text }) => text).join(""), MAIL_SENT);
  assertEquals(dataOf("backend").map(({ text }) => text).join(""), MAIL_RCVD);
  const bytes = dataOf("client").map(({ data }) => Uint8Array.fromBase64(data));
  assertEquals(decode(joinBytes(bytes)), MAIL_SENT);
  assertEquals(
    lines.map(({ type }) => type).filter((type) => type !== "data").join(" "),
    [
      ...["open", "event", "connected", "end", "end", "close"],
    ].join(" "),
  );
});

t("a text dump in a file is the same as the output of -p", async () => {
  using dir = tempDir();
  const { stdout } = await sendMail(["-p"]);
  assertMatch(decode(stdout), /^-< 24\n220 mail.example ESMTP\\0D\\0A\n\n-> 17\nEHLO me.example/);
  await sendMail(["--dump-file", `${dir.path}/mail.txt`]);
  assertEquals(decode(Deno.readFileSync(`${dir.path}/mail.txt`)), decode(stdout));
  // A filter that matches everything changes the code path, but not the output.
  const filtered = await sendMail(["-p", "--dump-client", "127.0.0.0/8"]);
  assertEquals(decode(filtered.stdout), decode(stdout));
});
