import { assertEquals } from "@std/assert";
import { writeAll } from "../../../../lib/base/bytes.ts";
import { answering, outcome } from "../../../helpers/check/probing.ts";
import { type Backend, backend } from "../../../helpers/net/backends.ts";
import { t } from "../../../helpers/t.ts";

/** A packet of MySQL, as Latin-1. */
function packet(body: string, sequence = 0): string {
  return String.fromCharCode(body.length & 255, body.length >> 8, 0, sequence) + body;
}

const GREETING = packet("\x0a8.0.36\0abcdefgh\0");
const LOGIN = packet(
  `\x01\x82\x08\0\0\0\0\x01\x21${"\0".repeat(23)}balance\0\0mysql_native_password\0`,
  1,
);

for (
  const [answer, ok, text] of [
    [GREETING, true, "MySQL 8.0.36"],
    [packet("\x0a5.5.5-10.11.6-MariaDB\0") + "more", true, "MySQL 5.5.5-10.11.6-MariaDB"],
    [packet("\xff\x10\x04Too many connections"), false, "error 1040: Too many connections"],
    [packet("\xff\x10\x04#08004Too many"), false, "error 1040: Too many"],
    [
      packet("\xff\x69\x04Host '10.0.0.1' is blocked"),
      ...[false, "error 1129: Host '10.0.0.1' is blocked"],
    ],
    [
      packet("\x0a8.0.36\0", 1),
      ...[false, 'unexpected MySQL answer: "\\x08\\x00\\x00\\x01\\x0a8.0.36\\x00"'],
    ],
    [packet("\x09x\0"), false, 'unexpected MySQL answer: "\\x03\\x00\\x00\\x00\\x09x\\x00"'],
    ["SSH-2.0-x\r\n", false, 'unexpected MySQL answer: "SSH-2.0-x\\x0d\\x0a"'],
    ["\x05\0\0", false, 'unexpected MySQL answer: "\\x05\\x00\\x00"'],
    [GREETING.slice(0, -1), false, /^unexpected MySQL answer: "/],
    ["", false, "closed without an answer"],
  ] as [string, boolean, string | RegExp][]
) {
  t(`mysql: the answer ${JSON.stringify(answer)} is ${text}`, async () => {
    await using server = answering(answer, { hangUp: true });
    const result = await outcome("mysql", server.port);
    assertEquals(result.ok, ok);
    if (typeof text === "string") assertEquals(result.text, text);
    else assertEquals(text.test(result.text), true, result.text);
  });
}

/** Greets, then sends each answer after it has received what comes before it, to the end. */
function dialogue(
  lines: readonly [expected: string, answer: string][],
): Backend & { log: string[] } {
  const log: string[] = [];
  const base = backend(async (conn) => {
    const bytes = (text: string) => Uint8Array.from(text, (char) => char.charCodeAt(0));
    const receive = async (length: number) => {
      const buffer = new Uint8Array(length);
      const count = await conn.read(buffer) ?? 0;
      log.push(String.fromCharCode(...buffer.subarray(0, count)));
    };
    await writeAll(conn, bytes(GREETING));
    for (const [expected, answer] of lines) {
      await receive(expected.length);
      await writeAll(conn, bytes(answer));
    }
    await receive(100);
  });
  return Object.assign(base, { log });
}

const UP = { ok: true, text: "MySQL 8.0.36" };

t(
  "mysql logs in, so that the server does not count the connection as failed, then quits",
  async () => {
    const server = dialogue([[LOGIN, packet("\0\0\0\x02\0\0\0", 2)]]);
    assertEquals(await outcome("mysql", server.port), UP);
    await server.stop();
    assertEquals(server.log, [LOGIN, packet("\x01")]);
  },
);

t("mysql passes if the login is refused, at once or another way", async () => {
  const refused = (sequence: number) => packet("\xff\x15\x04#28000Access denied", sequence);
  const atOnce = dialogue([[LOGIN, refused(2)]]);
  assertEquals(await outcome("mysql", atOnce.port), UP);
  await atOnce.stop();
  assertEquals(atOnce.log, [LOGIN, ""]);

  const other = packet("\xfecaching_sha2_password\0abcdefgh\0", 2);
  const switched = dialogue([[LOGIN, other], [packet("", 3), refused(4)]]);
  assertEquals(await outcome("mysql", switched.port), UP);
  await switched.stop();
  assertEquals(switched.log, [LOGIN, packet("", 3), ""]);
});

t("mysql fails if the server greets and then hangs", async () => {
  await using server = answering(GREETING);
  const { ok, text } = await outcome("mysql", server.port, { timeoutMs: 2000 });
  assertEquals([ok, text.slice(0, 28)], [false, "timeout after 2 s, received "]);
});
