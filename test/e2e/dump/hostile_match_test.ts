/** Expressions of --dump-match and bytes of clients that would keep a backtracking search busy. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { writeAll } from "../../../lib/base/bytes.ts";
import { echo } from "../../helpers/net/backends.ts";
import { connect, readText } from "../../helpers/net/client.ts";
import { command, controlSession } from "../../helpers/net/control_socket.ts";
import { runBalance, startBalance } from "../../helpers/program/start_balance.ts";
import { startControlled } from "../../helpers/program/start_controlled.ts";
import { t } from "../../helpers/t.ts";
import { tempDir } from "../../helpers/temp_dir.ts";

/** Expression and bytes. Each pair keeps a backtracking search busy for hours. */
const ATTACKS: readonly [pattern: string, bytes: string][] = [
  ["(a+)+$", "a".repeat(64) + "b"],
  ["^(a|aa)+$", "a".repeat(200) + "b"],
  ["(.*a){20}c", "a".repeat(400) + "b"],
  ["(\\w+\\s?)+:", "word ".repeat(50)],
];

t("no bytes of a client keep --dump-match or dump on ... match busy", async () => {
  using dir = tempDir();
  await using server = echo();
  const [first] = ATTACKS;
  await using balance = await startControlled([
    ...["-f", "--dump-file", `${dir.path}/first.json`, "--dump-match", first![0]],
    ...["PORT", server.address],
  ]);
  using session = await controlSession(balance.socket);
  const attack = async (bytes: string) => {
    await using hostile = await connect(balance.port);
    await using other = await connect(balance.port);
    await hostile.send(bytes);
    assertEquals(await readText(hostile, bytes.length), bytes);
    await other.send("hello");
    assertEquals(await readText(other, 5), "hello");
  };
  await attack(first![1]);
  for (const [i, [pattern, bytes]] of ATTACKS.entries()) {
    const file = `${dir.path}/${i}.json`;
    const answer = await command(session, `dump on ${file} match ${pattern}`);
    assertEquals(answer, `dump on: json to ${file}, match ${pattern}\n`);
    await attack(bytes);
  }
});

t("a giant repetition, lookaround and back-references are errors that name them", async () => {
  await using server = echo();
  const refused: [pattern: string, reason: string][] = [
    ["((a{1000}){1000})", "the expression is too large"],
    ["(?=a)", "the lookahead (?= is not supported"],
    ["(a)\\1", "the back-reference \\1 is not supported"],
  ];
  for (const [pattern, reason] of refused) {
    const { code, stderr } = await runBalance(["-f", "-p", "--dump-match", pattern, "0", "::1"]);
    assertEquals(code, 64);
    assertStringIncludes(stderr, `balance: invalid regular expression [${pattern}]: ${reason}`);
  }
  await using balance = await startControlled(["-f", "PORT", server.address]);
  using session = await controlSession(balance.socket);
  for (const [pattern, reason] of refused) {
    const { text, failed } = await session.ask(`dump on /nowhere/x.json match ${pattern}`);
    assert(failed && text.startsWith(`invalid regular expression [${pattern}]: ${reason}`), text);
  }
});

t("dump on ... match takes blanks in quotes", async () => {
  using dir = tempDir();
  await using server = echo();
  await using balance = await startControlled(["-f", "PORT", server.address]);
  using session = await controlSession(balance.socket);
  const file = `${dir.path}/x.json`;
  const shown = async (quoted: string, ...texts: string[]) => {
    const answer = await command(session, `dump on ${file} match ${quoted} bytes 100`);
    assert(answer.startsWith("dump on: json"), answer);
    for (const text of texts) {
      await using client = await connect(balance.port);
      await client.send(text);
      assertEquals(await readText(client, text.length), text);
    }
    await command(session, "dump off");
    const lines = Deno.readTextFileSync(file).trimEnd().split("\n").map((line) => JSON.parse(line));
    await Deno.remove(file);
    return new Set(lines.flatMap(({ text }) => text ?? []));
  };
  const texts = ["GET /a b", "GET /a", 'say "hi" now', "it's\\ so"];
  assertEquals(await shown(`"GET /a b"`, ...texts), new Set(["GET /a b"]));
  assertEquals(await shown(`'T /a b'`, ...texts), new Set(["GET /a b"]));
  assertEquals(await shown(`"\\"hi\\" n"`, ...texts), new Set(['say "hi" now']));
  assertEquals(await shown(`"it's\\\\\\\\ s"`, ...texts), new Set(["it's\\ so"]));
  const { text, failed } = await session.ask(`dump on ${file} match "GET /a`);
  assertEquals([text, failed], ['missing closing quote: "GET\n', true]);
});

t("a client that sends without a pause does not keep a dump from serving others", async () => {
  await using server = echo();
  // The bytes are made for an expression with a great many states.
  const bytes = Uint8Array.from({ length: 1 << 18 }, (_, i) => 97 + ((i * i * i) >> 5) % 2);
  for (const options of [["--dump-format", "json"], ["--dump-match", "a.{20}[cd]"]]) {
    await using balance = await startBalance([
      ...["-f", "--dump-file", "/dev/null", ...options, "PORT", server.address],
    ]);
    const hostile = await Deno.connect({ hostname: "127.0.0.1", port: balance.port });
    let floods = true;
    const flood = (async () => {
      while (floods) await writeAll(hostile, bytes);
    })().catch(() => {});
    const drain = (async () => {
      const buffer = new Uint8Array(1 << 18);
      while (await hostile.read(buffer) !== null);
    })().catch(() => {});
    for (let i = 0; i < 5; i++) {
      await using other = await connect(balance.port);
      await other.send("hello");
      assertEquals(await readText(other, 5), "hello");
    }
    floods = false;
    await flood;
    hostile.close();
    await drain;
  }
});
