/**
 * The dump of the real program: real servers and clients talk through it, and the tools that
 * people debug with read back what was said, to the byte.
 */
import { joinBytes, writeAll } from "../../../lib/base/bytes.ts";
import { assert, assertEquals, assertMatch } from "@std/assert";
import schema from "../../../lib/dump/formats/json.schema.json" with { type: "json" };
import { accepting } from "../../helpers/net/accepting.ts";
import { backend, canReset, echo, hasIpv6, named, refusing } from "../../helpers/net/backends.ts";
import {
  ask,
  connect,
  readExactly,
  readLine,
  readText,
  readToEnd,
} from "../../helpers/net/client.ts";
import { readConversations } from "../../helpers/dump/pcapng_conversations.ts";
import { complaints, follow, noDissector, run } from "../../helpers/dump/capture_tools.ts";
import { randomBytes, sha256 } from "../../helpers/bytes.ts";
import { violations } from "../../helpers/json_schema.ts";
import { pool } from "../../helpers/pool.ts";
import { program } from "../../helpers/program/program.ts";
import { runBalance, startBalance } from "../../helpers/program/start_balance.ts";
import { startNginx } from "../../helpers/program/start_nginx.ts";
import { startProgram } from "../../helpers/program/start_program.ts";
import { skip, t, tool, until, within, withTools } from "../../helpers/t.ts";
import { listensOn } from "../../helpers/net/tcp_sockets.ts";
import { freePort } from "../../helpers/net/ports.ts";
import { tempDir } from "../../helpers/temp_dir.ts";

const encode = (text: string) => new TextEncoder().encode(text);
const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

/** For many bytes, whose difference nobody wants to read. */
function assertSame(actual: Uint8Array, expected: Uint8Array): void {
  assertEquals([actual.length, sha256(actual)], [expected.length, sha256(expected)]);
}

/** Sends all, ends its side, and gives what came back. */
async function exchange(port: number, sent: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  await using client = await connect(port);
  const [{ bytes }] = await Promise.all([
    readToEnd(client),
    client.send(sent).then(() => client.closeWrite()),
  ]);
  return bytes;
}

withTools(["redis-server", "tshark"], "tshark reads a conversation with redis", async () => {
  using dir = tempDir();
  const file = `${dir.path}/redis.pcapng`;
  const redis = freePort();
  await using _redis = await startProgram(tool("redis-server")!, {
    args: [
      ...["--port", String(redis), "--bind", "127.0.0.1", "--dir", dir.path],
      ...["--save", "", "--appendonly", "no"],
    ],
    ready: () => listensOn(redis),
  });
  const requests = [
    joinBytes([
      encode("*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$200000\r\n"),
      randomBytes(200_000, 1),
      encode("\r\n"),
    ]),
    encode("*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n"),
  ] as Uint8Array<ArrayBuffer>[];
  const answerBytes = ["+OK\r\n".length, "$200000\r\n".length + 200_000 + 2];
  let port: number;
  const answers: Uint8Array[] = [];
  {
    await using balance = await startBalance([
      ...["-f", "--dump-file", file, "--dump-side", "both"],
      ...["PORT", `127.0.0.1:${redis}`],
    ]);
    port = balance.port;
    await using client = await connect(port);
    for (const [i, request] of requests.entries()) {
      await client.send(request);
      answers.push(await readExactly(client, answerBytes[i]!));
    }
    await client.closeWrite();
    await readToEnd(client);
    await balance.stop();
  }
  assertEquals(decode(answers[0]!), "+OK\r\n");
  assertEquals(Deno.statSync(file).mode! & 0o777, 0o600);
  // Both sides saw the same, and nothing about them is strange.
  const streams = await follow(file, 2, noDissector(port, redis));
  for (const { sent } of streams) {
    assertSame(sent.client, joinBytes(requests));
    assertSame(sent.backend, joinBytes(answers));
  }
  assertEquals(await complaints(file, noDissector(port, redis)), []);
  const { stdout, stderr } = await run("tshark", [
    ...["-r", file, "-d", `tcp.port==${port},resp`, "-Y", `tcp.port == ${port} && resp`],
    ...["-T", "fields", "-e", "_ws.col.Info"],
  ]);
  assertEquals(stderr, "");
  assertMatch(stdout, /Request: SET key/);
  assertMatch(stdout, /Request: GET key/);
  assertMatch(stdout, /Response: OK/);
});

withTools(
  ["nginx", "tshark", "tcpflow", "tcpdump"],
  "tshark, tcpdump and tcpflow read 10 MB from nginx",
  async () => {
    using dir = tempDir();
    const file = `${dir.path}/http.pcapng`;
    await using nginx = await startNginx(tool("nginx")!);
    const page = randomBytes(10_000_000, 2);
    await Deno.writeFile(`${nginx.folder}/page`, page, { mode: 0o644 });
    const request = encode("GET /page HTTP/1.0\r\nHost: nginx\r\n\r\n");
    let port: number, answer: Uint8Array;
    {
      await using balance = await startBalance(["-f", "--dump-file", file, "PORT", nginx.address]);
      port = balance.port;
      await using client = await connect(port);
      await client.send(request);
      answer = (await readToEnd(client)).bytes;
      await client.close();
      await balance.stop();
    }
    assertSame(answer.subarray(-page.length), page);
    const [stream] = await follow(file, 1, noDissector(port));
    assertSame(stream!.sent.client, request);
    assertSame(stream!.sent.backend, answer);
    const { stdout } = await run("tshark", [
      ...["-r", file, "-d", `tcp.port==${port},http`, "-Y", "http.response"],
      ...["-T", "fields", "-e", "http.response.code", "-e", "http.content_length"],
    ]);
    assertEquals(stdout, `200\t${page.length}\n`);

    const flows = `${dir.path}/flows`;
    Deno.mkdirSync(flows);
    await run("tcpflow", ["-r", file, "-o", flows, "-a", "-X", "/dev/null"]);
    const saved = [...Deno.readDirSync(flows)].map(({ name }) => name).filter((name) =>
      /^[\d.]+-[\d.]+$/.test(name)
    );
    const from = (end: RegExp) => Deno.readFileSync(`${flows}/${saved.find((n) => end.test(n))}`);
    const five = String(port).padStart(5, "0");
    assertSame(from(new RegExp(`\\.${five}-`)), answer);
    assertSame(from(new RegExp(`\\.${five}$`)), request);

    const dumped = await run("tcpdump", ["-r", file, "-n", "-vv"]);
    assertEquals(dumped.code, 0);
    assert(!dumped.stdout.includes("incorrect"));
  },
);

/** A mail server that says what it should. */
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

/** Sends a mail through a balance with some options, and stops it. */
async function sendMail(options: readonly string[]): Promise<{ port: number; stdout: Uint8Array }> {
  await using server = mailServer();
  await using dead = refusing();
  // The first channel does not answer: a failover to tell of.
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

withTools(["tshark"], "tshark reads a mail on its way, and the failover before it", async () => {
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

withTools(["text2pcap", "tshark"], "text2pcap reads the mail from a hex dump", async () => {
  using dir = tempDir();
  const file = `${dir.path}/mail.hex`, capture = `${dir.path}/mail.pcapng`;
  const { port } = await sendMail(["--dump-file", file]);
  const { code } = await run("text2pcap", [
    ...["-D", "-t", "%Y-%m-%d %H:%M:%S.%f", "-T", `40001,${port}`, "-4", "127.0.0.1,127.0.0.2"],
    ...[file, capture],
  ]);
  assertEquals(code, 0);
  // Without a handshake the one who speaks first counts as the client.
  const [stream] = await follow(capture, 1, noDissector(port));
  assertEquals(decode(stream!.sent.backend), MAIL_SENT);
  assertEquals(decode(stream!.sent.client), MAIL_RCVD);
});

t("a JSON dump on stdout holds the mail, and every line obeys the schema", async () => {
  const { stdout } = await sendMail(["-p", "--dump-format", "json"]);
  const lines = decode(stdout).trimEnd().split("\n").map((line) => JSON.parse(line));
  for (const line of lines) assertEquals(violations(schema, line), []);
  const said = (who: string) =>
    lines.filter(({ type, direction }) => type === "data" && direction === who);
  assertEquals(said("client").map(({ text }) => text).join(""), MAIL_SENT);
  assertEquals(said("backend").map(({ text }) => text).join(""), MAIL_RCVD);
  const bytes = said("client").map(({ data }) => Uint8Array.fromBase64(data));
  assertEquals(decode(joinBytes(bytes)), MAIL_SENT);
  assertEquals(
    lines.map(({ type }) => type).filter((type) => type !== "data").join(" "),
    [
      ...["open", "event", "connected", "end", "end", "close"],
    ].join(" "),
  );
});

t("a text dump into a file is what -p prints, to the byte", async () => {
  using dir = tempDir();
  const { stdout } = await sendMail(["-p"]);
  assertMatch(decode(stdout), /^-< 24\n220 mail.example ESMTP\\0D\\0A\n\n-> 17\nEHLO me.example/);
  await sendMail(["--dump-file", `${dir.path}/mail.txt`]);
  assertEquals(decode(Deno.readFileSync(`${dir.path}/mail.txt`)), decode(stdout));
  // With a filter that lets all pass it takes another way, which nobody can tell.
  const filtered = await sendMail(["-p", "--dump-client", "127.0.0.0/8"]);
  assertEquals(decode(filtered.stdout), decode(stdout));
});

withTools(["tshark"], "two thousand connections, 50 at a time, come apart again", async () => {
  using dir = tempDir();
  const file = `${dir.path}/many.pcapng`;
  await using server = echo();
  const count = 2000;
  const sentBy = (id: number) => randomBytes(1 + id * 7 % 3000, id);
  {
    await using balance = await startBalance(["-f", "--dump-file", file, "PORT", server.address]);
    const ids = Array.from({ length: count }, (_, id) => id);
    await pool(ids, { limit: 50, name: String }, async (id) => {
      const sent = sentBy(id);
      assertEquals(await exchange(balance.port, sent), sent);
    });
    await balance.stop();
  }
  const found = readConversations(Deno.readFileSync(file));
  assertEquals(found.length, count);
  const seen = new Set<string>();
  for (const { sent, rcvd, missing, fins } of found) {
    assertEquals([rcvd, missing, fins], [sent, 0, 2]);
    seen.add(sent.toHex());
  }
  for (let id = 0; id < count; id++) assert(seen.has(sentBy(id).toHex()), `connection ${id}`);
  const { stdout, code } = await run("tshark", ["-r", file, "-q", "-z", "conv,tcp"]);
  assertEquals(code, 0);
  assertEquals(stdout.match(/<->/g)?.length, count);
});

if (!hasIpv6) skip("an IPv6 dump", "there is no IPv6 on loopback");
else {
  withTools(
    ["tshark"],
    "IPv6 clients and backends have their own addresses in a dump",
    async () => {
      using dir = tempDir();
      const file = `${dir.path}/six.pcapng`;
      await using server = named("six", { hostname: "::1" });
      let port: number;
      {
        await using balance = await startBalance([
          ...["-f", "-6", "--dump-file", file, "--dump-side", "both", "PORT", server.address],
        ]);
        port = balance.port;
        assertEquals(await ask(port, { hostname: "::1" }), "six");
        assertEquals(await ask(port, { hostname: "127.0.0.1" }), "six");
        await balance.stop();
      }
      const { stdout } = await run("tshark", [
        ...[
          "-r",
          file,
          "-Y",
          "tcp.flags == 0x002",
          "-T",
          "fields",
          "-e",
          "ipv6.dst",
          "-e",
          "ip.dst",
        ],
        ...["-e", "tcp.dstport"],
      ]);
      assertEquals(stdout.trimEnd().split("\n"), [
        `::1\t\t${port}`,
        `::1\t\t${server.port}`,
        `\t127.0.0.1\t${port}`,
        `::1\t\t${server.port}`,
      ]);
      assertEquals(await complaints(file, noDissector(port, server.port)), []);
    },
  );
}

if (!canReset) skip("resets in a dump", "this version of Deno cannot reset a connection");
else {
  t("a reset is a reset in the dump, from whoever it came", async () => {
    using dir = tempDir();
    const file = `${dir.path}/reset.pcapng`;
    await using server = await accepting({ viaNode: true });
    await using balance = await startBalance(["-f", "--dump-file", file, "PORT", server.address]);
    for (const who of ["client", "server"]) {
      await using client = await connect(balance.port, { viaNode: true });
      const peer = await server.accept();
      await client.send(`from ${who}`);
      await readText(peer, 5 + who.length);
      if (who === "client") await client.reset();
      else peer.reset();
      const other = who === "client" ? peer : client;
      await within(readToEnd(other).catch(() => {}), { timeoutMs: 5000, what: "the other end" });
    }
    await balance.stop();
    assertEquals(
      readConversations(Deno.readFileSync(file)).map(({ sent, reset }) => [decode(sent), reset]),
      [["from client", "client"], ["from server", "server"]],
    );
  });
}

withTools(
  ["tshark"],
  "the dump of a program that was killed while it wrote still opens",
  async () => {
    using dir = tempDir();
    const file = `${dir.path}/killed.pcapng`;
    await using server = echo();
    await using balance = await startBalance(["-f", "--dump-file", file, "PORT", server.address]);
    const data = randomBytes(100_000_000, 5);
    await using client = await connect(balance.port);
    const sending = client.send(data).catch(() => {});
    const reading = readToEnd(client, { limit: data.length }).catch(() => {});
    await until(() => Deno.statSync(file).size > 3_000_000, { timeoutMs: 20_000 });
    await balance.stop("SIGKILL");
    await Promise.all([sending, reading]);
    const { code, stderr, stdout } = await run("tshark", [
      ...["-r", file, ...noDissector(balance.port), "-Y", "tcp.dstport == " + balance.port],
      ...["-T", "fields", "-e", "tcp.payload"],
    ]);
    assert(code === 0 || /cut short in the middle of a packet/.test(stderr), stderr);
    const got = Uint8Array.fromHex(stdout.replaceAll("\n", ""));
    assert(got.length > 1_000_000, `${got.length} bytes`);
    assertSame(got, data.subarray(0, got.length));
  },
);

withTools(["tshark"], "tshark reads from a pipe what balance says, while it says it", async () => {
  await using server = named("B0");
  const port = freePort();
  const { command, args } = program({ cachedOnly: true });
  const rundir = Deno.makeTempDirSync({ prefix: "balance-test-" });
  // As README says it, with tshark in the place of Wireshark.
  const balance = [
    ...[command, ...args, "-f", "--dump-format", "pcapng", "--dump-file", "-"],
    ...[String(port), server.address],
  ];
  const reader = [
    ...[tool("tshark")!, "-i", "-", "-l", "-n", "-T", "fields", "-e", "tcp.payload"],
    ...["-Y", "tcp.len > 0", "-c", "20", ...noDissector(port)],
  ];
  const child = new Deno.Command("/bin/sh", {
    args: [
      "-c",
      `{ ${quoted(balance)} | HOME=/proc/nonexistent ${quoted(reader)} 2> /dev/null; } 2>&1`,
    ],
    env: { BALANCE_RUNDIR: rundir, DENO_NO_UPDATE_CHECK: "1" },
    stdin: "null",
    stdout: "piped",
  }).spawn();
  const out = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  try {
    await until(() => listensOn(port), { timeoutMs: 10_000 });
    let seen = "";
    const next = async (lines: number) => {
      while (seen.split("\n").length <= lines) {
        const { value, done } = await within(out.read(), { timeoutMs: 15_000, what: "tshark" });
        if (done) throw new Error(`tshark has ended: ${seen}`);
        seen += value;
      }
    };
    await using client = await connect(port);
    assertEquals(await readText(client, 3), "B0\n");
    await next(1);
    await client.send("one");
    await next(3);
    assertEquals(seen, ["B0\n", "one", "one"].map((said) => encode(said).toHex() + "\n").join(""));
    // Its reader goes after 20 packets, and balance with it, without a word.
    await until(async () => {
      // Nothing is written, so nothing is noticed, without another packet.
      await client.send("more").catch(() => {});
      return !listensOn(port);
    }, { timeoutMs: 15_000, everyMs: 50, what: "balance to end" });
    for (;;) {
      const { value, done } = await within(out.read(), { timeoutMs: 5000, what: "the end" });
      if (done) break;
      seen += value;
    }
    assertMatch(seen, /^[0-9a-f\n]*$/);
  } finally {
    // Whatever failed, nothing stays behind.
    if (listensOn(port)) await runBalance(["-c", "kill", "PORT"], { port, rundir });
    await out.cancel();
    await within(child.status, { timeoutMs: 10_000, what: "the pipeline to end" });
    Deno.removeSync(rundir, { recursive: true });
  }
});

/** Words as a shell reads them. */
function quoted(words: readonly string[]): string {
  return words.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(" ");
}

t("when nobody reads a dump on stdout any more the program ends quietly", async () => {
  await using server = named("B0");
  await using balance = await startBalance([
    ...["-f", "--dump-format", "hex", "--dump-file", "-", "PORT", server.address],
  ]);
  assertEquals(await ask(balance.port), "B0");
  await balance.waitForStdout(/B0/);
  await balance.abandonStdout();
  await ask(balance.port).catch(() => {});
  const { code, stderr } = await within(balance.ended, { timeoutMs: 5000, what: "the end" });
  assertEquals([code, stderr], [0, ""]);
});

withTools(["mkfifo"], "a dump whose reader has gone ends alone, with one line", async () => {
  using dir = tempDir();
  const pipe = `${dir.path}/pipe`;
  await run("mkfifo", [pipe]);
  await using server = named("B0");
  const reader = new Deno.Command("cat", { args: [pipe], stdout: "piped" }).spawn();
  await using balance = await startBalance(["-f", "--dump-file", pipe, "PORT", server.address], {
    expectStderr: /^cannot write dump file \[\S+\]: Broken pipe, the dump is off\n$/,
  });
  assertEquals(await ask(balance.port), "B0");
  const out = reader.stdout.getReader();
  assertMatch(decode((await out.read()).value!), /^-< 3\nB0/);
  reader.kill("SIGKILL");
  await out.cancel();
  await reader.status;
  for (let i = 0; i < 3; i++) assertEquals(await ask(balance.port), "B0");
  await balance.waitForStderr(/the dump is off/);
  assertEquals(await ask(balance.port), "B0");
});

t("a dump that cannot be begun is one line and exit code 73", async () => {
  using dir = tempDir();
  const absent = `${dir.path}/absent`;
  for (const argv of [["-f"], []]) {
    for (const name of ["x.pcapng", "%n.json"]) {
      const { code, stderr, stdout } = await runBalance([
        ...[...argv, "--dump-file", `${absent}/${name}`, "PORT", "127.0.0.1:1"],
      ]);
      assertEquals([code, stdout], [73, ""]);
      assertMatch(stderr, /^balance: cannot write dump file \[.*\/absent\/.*\]: [Nn]o such .*\n$/);
      assertEquals(stderr.split("\n").length, 2);
    }
  }
  const device = await runBalance(["-f", "--dump-file", "/dev/full", "PORT", "127.0.0.1:1"]);
  assertEquals([device.code, device.stderr], [
    73,
    "balance: cannot write dump file [/dev/full]: it is part of the system\n",
  ]);
  // An error before it leaves the file of the run before alone.
  Deno.writeTextFileSync(`${dir.path}/kept.json`, "kept");
  const { code } = await runBalance([
    ...["-f", "--dump-file", `${dir.path}/kept.json`, "PORT", "no.such.host.invalid"],
  ]);
  assertEquals([code, Deno.readTextFileSync(`${dir.path}/kept.json`)], [65, "kept"]);
});

t("filters: one channel, one match, the first bytes of each chunk", async () => {
  using dir = tempDir();
  await using first = named("B0");
  await using second = named("B1");
  const dumped = async (...options: string[]) => {
    const file = `${dir.path}/x.json`;
    await using balance = await startBalance([
      ...["-f", "--dump-file", file, ...options, "PORT", first.address, second.address],
    ]);
    for (let i = 0; i < 4; i++) {
      await using client = await connect(balance.port);
      assertEquals(await readText(client, 3), `B${i % 2}\n`);
      await client.send(`secret ${i}`);
      assertEquals(await readText(client, 8), `secret ${i}`);
      await client.closeWrite();
      await readToEnd(client);
    }
    await balance.stop();
    // Those of several workers may stand in any order; each connection is in order.
    return Deno.readTextFileSync(file).trimEnd().split("\n").filter(Boolean)
      .map((line) => JSON.parse(line)).sort((a, b) => a.connection - b.connection);
  };
  const data = (lines: { type: string; text: string }[]) =>
    lines.filter(({ type }) => type === "data").map(({ text }) => text).join(",");
  const channel = await dumped("--dump-channel", "0.1");
  assertEquals(data(channel), "B1\n,secret 1,secret 1,B1\n,secret 3,secret 3");
  assertEquals([...new Set(channel.map((line) => line.connection))], [2, 4]);
  assertEquals(channel.filter(({ type }) => type === "open").length, 2);
  const match = await dumped("--dump-match", "SECRET|t [23]");
  assertEquals(data(match), "secret 2,secret 2,secret 3,secret 3");
  assertEquals([...new Set(match.map((line) => line.connection))], [3, 4]);
  assertEquals(
    data(await dumped("--dump-bytes", "2", "--dump-channel", "0.0")).slice(0, 8),
    "B0,se,se",
  );
  assertEquals(await dumped("--dump-client", "10.0.0.0/8"), []);
});

t("rotation: every file stands alone, and together they hold everything", async () => {
  using dir = tempDir();
  await using server = echo();
  const sent = randomBytes(3_000_000, 9);
  {
    await using balance = await startBalance([
      ...["-f", "--dump-file", `${dir.path}/r.pcapng`, "--dump-rotate", "500k,50"],
      ...["PORT", server.address],
    ]);
    assertSame(await exchange(balance.port, sent), sent);
    await balance.stop();
  }
  const names = Array.from(Deno.readDirSync(dir.path), ({ name }) => name);
  assert(names.length > 5, names.join(" "));
  const number = (name: string) => Number(/\.(\d+)$/.exec(name)?.[1] ?? 0);
  const files = names.sort((a, b) => number(b) - number(a)).map((name) =>
    readConversations(Deno.readFileSync(`${dir.path}/${name}`))
  );
  assertEquals(files.map((conversations) => conversations.length), files.map(() => 1));
  assertSame(joinBytes(files.map(([one]) => one!.sent)), sent);
  assertSame(joinBytes(files.map(([one]) => one!.rcvd)), sent);
});

t("%n: each connection has a file of its own", async () => {
  using dir = tempDir();
  await using server = named("B0");
  await using balance = await startBalance([
    ...["-f", "--dump-file", `${dir.path}/%p-%n.txt`, "PORT", server.address],
  ]);
  const before = await balance.quietFds();
  for (let i = 0; i < 5; i++) assertEquals(await ask(balance.port), "B0");
  await balance.settledFds(before);
  for (let i = 1; i <= 5; i++) {
    const text = Deno.readTextFileSync(`${dir.path}/${balance.port}-${i}.txt`);
    assertEquals(text, "-< 3\nB0\\0A\n\n-> 0\n\n");
  }
});

t("1 byte to 10 MB in both directions at once", async () => {
  using dir = tempDir();
  const file = `${dir.path}/sizes.pcapng`;
  await using server = echo();
  const sizes = [1, 2, 1000, 65_495, 65_496, 300_000, 10_000_000];
  {
    await using balance = await startBalance(["-f", "--dump-file", file, "PORT", server.address]);
    for (const size of sizes) {
      await using client = await connect(balance.port);
      const sent = randomBytes(size, size);
      const [back] = await Promise.all([
        readExactly(client, size, { timeoutMs: 20_000 }),
        client.send(sent),
      ]);
      assertSame(back, sent);
    }
    await balance.stop();
  }
  const found = readConversations(Deno.readFileSync(file));
  assertEquals(found.map(({ sent }) => sent.length), sizes);
  for (const { sent, rcvd } of found) {
    assertSame(sent, randomBytes(sent.length, sent.length));
    assertSame(rcvd, sent);
  }
});
