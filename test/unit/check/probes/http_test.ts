import { assertEquals } from "@std/assert";
import { VERSION } from "../../../../lib/base/version.ts";
import { answering, outcome, probing } from "../../../helpers/check/probing.ts";
import { backend, hasIpv6 } from "../../../helpers/net/backends.ts";
import { skip, t, until } from "../../../helpers/t.ts";

t(
  "http sends a GET request with the host as written, and passes with a status in the list",
  async () => {
    await using server = answering("HTTP/1.1 204 No Content\r\n", { after: "\r\n\r\n" });
    const { ok, text, ms } = await probing("http:/health?a=b=204", server.port);
    assertEquals([ok, text, ms > 0], [true, "HTTP 204", true]);
    assertEquals(
      server.received,
      `GET /health?a=b HTTP/1.1\r\nHost: web1:${server.port}\r\nUser-Agent: balance/${VERSION}\r\n` +
        "Accept: */*\r\nConnection: close\r\n\r\n",
    );
    await until(() => server.open === 0, { what: "the connection to be closed" });
  },
);

for (
  const [answer, spec, ok, text] of [
    ["HTTP/1.1 200 OK\r\n\r\n", "http:/", true, "HTTP 200"],
    ["HTTP/1.0 399 \n", "http:/", true, "HTTP 399"],
    // Not followed.
    ["HTTP/1.1 301 Moved\r\nLocation: http://127.0.0.1:1/\r\n\r\n", "http:/", true, "HTTP 301"],
    ["HTTP/1.1 301 Moved\r\nLocation: /\r\n\r\n", "http:/=200", false, "HTTP 301"],
    ["HTTP/1.1 400 Bad\r\n", "http:/", false, "HTTP 400"],
    ["HTTP/1.1 401 No\r\n", "http:/=200-299,401", true, "HTTP 401"],
    ["HTTP/1.1 503\r\n", "http:/", false, "HTTP 503"],
    ["HTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n", "http:/", true, "HTTP 200"],
    ["HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 500 No\r\n", "http:/", false, "HTTP 500"],
    ["HTTP/1.1 103 Early\r\n", "http:/=103", true, "HTTP 103"],
    ["HTTP/1.1 200 OK", "http:/", true, "HTTP 200"],
    ["", "http:/", false, "closed without an answer"],
    ["HTTP/1.1 20", "http:/", false, 'no HTTP answer: "HTTP/1.1 20"'],
    ["HTTP/2.0 200 OK\r\n", "http:/", false, 'no HTTP answer: "HTTP/2.0 200 OK\\x0d\\x0a"'],
    ["SSH-2.0-x\r\n", "http:/", false, 'no HTTP answer: "SSH-2.0-x\\x0d\\x0a"'],
    ["\x15\x03\x01\0\x02", "http:/", false, 'no HTTP answer: "\\x15\\x03\\x01\\x00\\x02"'],
  ] as const
) {
  t(`${spec}: the answer ${JSON.stringify(answer)} is ${text}`, async () => {
    await using server = answering(answer, { after: "\r\n\r\n", hangUp: true });
    assertEquals(await outcome(spec, server.port), { ok, text });
  });
}

t("http accepts a status line that arrives byte by byte", async () => {
  await using server = backend(async (conn) => {
    await conn.read(new Uint8Array(4096));
    for (const char of "HTTP/1.1 200 OK") {
      await conn.write(new TextEncoder().encode(char));
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await conn.read(new Uint8Array(1));
  });
  assertEquals(await outcome("http:/", server.port), { ok: true, text: "HTTP 200" });
});

if (!hasIpv6) skip("http puts an IPv6 address in brackets", "no IPv6 on loopback");
else {
  t("http puts an IPv6 address in brackets", async () => {
    let request = "";
    await using server = backend(async (conn) => {
      const buffer = new Uint8Array(4096);
      request = new TextDecoder().decode(buffer.subarray(0, await conn.read(buffer) ?? 0));
      await conn.write(new TextEncoder().encode("HTTP/1.1 200 OK\r\n"));
    }, { hostname: "::1" });
    const at = { host: "::1", address: "::1" };
    assertEquals(await outcome("http:/", server.port, at), { ok: true, text: "HTTP 200" });
    assertEquals(/^Host: (.*)\r$/m.exec(request)?.[1], `[::1]:${server.port}`);
  });
}
