import { assertEquals } from "@std/assert";
import { answering, outcome } from "../../../helpers/check/probing.ts";
import { t, until } from "../../../helpers/t.ts";

t("send: and expect: send the text, then find the other one anywhere in the answer", async () => {
  await using server = answering("hello\r\n+PO", { after: "PING\r\n" });
  assertEquals(
    await outcome("send:PING\\r\\n/expect:lo\\r\\n+P", server.port),
    { ok: true, text: 'answered "lo\\x0d\\x0a+P"' },
  );
  assertEquals(server.received, "PING\r\n");
});

t("expect: alone sends nothing", async () => {
  await using server = answering("220 mail ESMTP\r\n");
  assertEquals(await outcome("expect:220", server.port), { ok: true, text: 'answered "220"' });
  await until(() => server.open === 0, { what: "the connection to be closed" });
  assertEquals(server.received, "");
});

t("send: alone passes once the text is sent, without an answer", async () => {
  await using server = answering("", { after: "never" });
  assertEquals(await outcome("send:\\x00x", server.port), { ok: true, text: "sent" });
  await until(() => server.received === "\0x", { what: "the text" });
});

t("expect: finds bytes that are no text, and nothing beyond the first 4096 bytes", async () => {
  await using binary = answering("\xff\xfe\x00\x80");
  assertEquals((await outcome("expect:\\xfe\\x00\\x80", binary.port)).ok, true);
  await using last = answering("x".repeat(4095) + "y" + "z".repeat(9000));
  assertEquals((await outcome("expect:xy", last.port)).ok, true);
  const { ok, text } = await outcome("expect:yz", last.port);
  assertEquals([ok, text.length, text.slice(0, 45)], [
    ...[false, 80, '"yz" is not in the first 4096 bytes: "xxxxxxx'],
  ]);
});

t("expect: fails with the answer, if the backend ends it", async () => {
  await using server = answering("550 no\r\n", { hangUp: true });
  assertEquals(await outcome("expect:220", server.port), {
    ok: false,
    text: '"220" is not in the answer: "550 no\\x0d\\x0a"',
  });
  await using silent = answering("", { hangUp: true });
  assertEquals(await outcome("expect:220", silent.port), {
    ok: false,
    text: "closed without an answer",
  });
});
