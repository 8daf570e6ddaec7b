import { assertEquals } from "@std/assert";
import { answering, outcome } from "../../../helpers/check/probing.ts";
import { t, until } from "../../../helpers/t.ts";

for (
  const [check, answer, ok, text] of [
    ["redis", "+PONG\r\n", true, "PONG"],
    ["redis", "-NOAUTH Authentication required.\r\n", true, "NOAUTH"],
    [
      "redis",
      "-LOADING Redis is loading the dataset in memory\r\n",
      false,
      "LOADING Redis is loading the dataset in memory",
    ],
    ["redis", "-DENIED protected mode\r\n", false, "DENIED protected mode"],
    ["redis", "+OK\r\n", false, 'unexpected Redis answer: "+OK\\x0d\\x0a"'],
    [
      "redis",
      "\0\x01\xff\x1b[31mX",
      false,
      'unexpected Redis answer: "\\x00\\x01\\xff\\x1b[31mX"',
    ],
    ["redis", "", false, "closed without an answer"],
    ["postgres", "S", true, "PostgreSQL with SSL"],
    ["postgres", "N", true, "PostgreSQL"],
    [
      "postgres",
      "E\0\0\0\x20SFATAL\0C53300\0Mtoo many clients\0\0",
      false,
      "error: too many clients",
    ],
    ["postgres", "Ecould not fork\n\0", false, "error: could not fork"],
    ["postgres", "HTTP/1.1 400 x", false, 'unexpected PostgreSQL answer: "HTTP/1.1 400 x"'],
    ["postgres", "", false, "closed without an answer"],
    ["smtp", "220 mail ESMTP\r\n", true, "220 mail ESMTP"],
    ["smtp", "220-mail ESMTP\r\n220-no spam\r\n220 \r\n", true, "220-mail ESMTP"],
    ["smtp", "220\r\n", true, "220"],
    ["smtp", "554 no SMTP service here\r\n", false, "554 no SMTP service here"],
    ["smtp", "421 too busy\r\n", false, "421 too busy"],
    ["smtp", "220-mail\r\n", false, 'unexpected SMTP answer: "220-mail\\x0d\\x0a"'],
    ["smtp", "* OK IMAP\r\n", false, 'unexpected SMTP answer: "* OK IMAP\\x0d\\x0a"'],
    ["smtp", "2200 x\r\n", false, 'unexpected SMTP answer: "2200 x\\x0d\\x0a"'],
    ["smtp", "", false, "closed without an answer"],
  ] as const
) {
  t(`${check}: the answer ${JSON.stringify(answer)} is ${text}`, async () => {
    await using server = answering(answer, { hangUp: true });
    assertEquals(await outcome(check, server.port), { ok, text });
  });
}

for (
  const [check, answer, asked] of [
    ["redis", "+PONG\r\n", "PING\r\n"],
    ["postgres", "N", "\0\0\0\x08\x04\xd2\x16\x2f"],
    ["smtp", "220-mail\r\n220 mail\r\n", "QUIT\r\n"],
  ] as const
) {
  t(
    `${check} sends ${JSON.stringify(asked)}, and does not wait for the backend to close`,
    async () => {
      const after = check === "redis" || check === "postgres" ? asked : "";
      await using server = answering(answer, { after });
      assertEquals((await outcome(check, server.port)).ok, true);
      await until(() => server.open === 0, { what: "the connection to be closed" });
      assertEquals(server.received, asked);
    },
  );
}
