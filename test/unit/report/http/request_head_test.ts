import { assertEquals } from "@std/assert";
import {
  acceptsGzip,
  hasBody,
  keepsAlive,
  parseRequestHead,
  type RequestHead,
} from "../../../../lib/report/http/request_head.ts";
import { t } from "../../../helpers/t.ts";

const PURE = { permissions: "none" } as const;

/** The head of `GET / HTTP/1.1` with these lines; each character is a byte. */
function parse(lines: string, first = "GET / HTTP/1.1") {
  const text = [first, ...lines === "" ? [] : [lines]].join("\r\n");
  return parseRequestHead(Uint8Array.from(text, (character) => character.charCodeAt(0)));
}

function parsed(lines: string, first?: string): RequestHead {
  const head = parse(lines, first);
  if ("status" in head) throw new Error(`refused: ${head.status} ${head.reason}`);
  return head;
}

t("parseRequestHead() returns method, target, version and fields", () => {
  const head = parsed(
    "Host: a:80\r\naccept:\t x/y \r\nACCEPT: z\xe9\r\nEmpty:",
    "HEAD /a?b HTTP/1.1",
  );
  assertEquals([head.method, head.target, head.version], ["HEAD", "/a?b", "1.1"]);
  assertEquals([...head.fields], [
    ["host", ["a:80"]],
    ["accept", ["x/y", "z\xe9"]],
    ["empty", [""]],
  ]);
  assertEquals(parsed("", "GET / HTTP/1.0").version, "1.0");
  assertEquals(parsed("Host: a", "BREW / HTTP/1.7").version, "1.1");
}, PURE);

t("parseRequestHead() refuses what another program might read in another way", () => {
  const first = [
    "",
    "GET /",
    "GET  / HTTP/1.1",
    " GET / HTTP/1.1",
    "GET / HTTP/1.1 ",
    "GET / http/1.1",
    "GET / HTTP/1",
    "GET / HTTP/1.11",
    "G(T / HTTP/1.1",
    "GET /\0 HTTP/1.1",
    "GET /\xe9 HTTP/1.1",
    "GET / HTTP/1.1\nHost: a",
    "\0\x01\x02\xff",
  ];
  for (const line of first) {
    assertEquals((parse("Host: a", line) as { status?: number }).status, 400, JSON.stringify(line));
  }
  const lines = [
    "Host: a\r\nnothing",
    "Host: a\r\n: x",
    "Host : a",
    "Host: a\r\n b",
    "Host: a\r\n\tb: c",
    "Host: a\nX: y",
    "Host: a\rX: y",
    "Host: a\r\nX: \0",
    "\xc8ost: a",
    "Host: a\r\nX\xe9: y",
    // Framing and host.
    "",
    "Host: a\r\nHost: a",
    "Host: a b",
    'Host: a"<>',
    "Host: user@a",
    "Host: a/b",
    "Host: [::1]x",
    "Host: a\r\nContent-Length: 0x10",
    "Host: a\r\nContent-Length: +1",
    "Host: a\r\nContent-Length: ",
    "Host: a\r\nContent-Length: 1, 1",
    "Host: a\r\nContent-Length: 1\r\nContent-Length: 1",
    "Host: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked",
  ];
  for (const line of lines) {
    assertEquals((parse(line) as { status?: number }).status, 400, JSON.stringify(line));
  }
  assertEquals(parse("Transfer-Encoding: chunked", "GET / HTTP/1.0"), {
    status: 400,
    reason: "invalid Transfer-Encoding",
  });
  for (const line of ["GET / HTTP/9.9", "PRI * HTTP/2.0", "GET / HTTP/0.9"]) {
    assertEquals((parse("", line) as { status?: number }).status, 505, line);
  }
}, PURE);

t("parseRequestHead() takes linear time for blanks", () => {
  const started = performance.now();
  for (let i = 0; i < 100; i++) {
    parse(`Host: a\r\nX: ${" \t".repeat(4000)}y\r\nZ:${" ".repeat(100)}`);
  }
  const ms = performance.now() - started;
  assertEquals(ms < 2000, true, `${ms} ms`);
}, PURE);

t("acceptsGzip() reads Accept-Encoding", () => {
  for (const text of ["gzip", "br;q=1.0, GZIP;q=0.5", "*", "deflate, x-gzip ; q=0.001"]) {
    assertEquals(acceptsGzip(text), true, text);
  }
  for (const text of [undefined, "", "identity", "gzip;q=0", "gzip; q=0.000", "*;q=0", "agzip"]) {
    assertEquals(acceptsGzip(text), false, text);
  }
}, PURE);

t("keepsAlive() and hasBody() read the fields of a request", () => {
  const alive: [string, string, boolean][] = [
    ["GET / HTTP/1.1", "Host: a", true],
    ["GET / HTTP/1.1", "Host: a\r\nConnection: Close", false],
    ["GET / HTTP/1.1", "Host: a\r\nConnection: te\r\nConnection: x, close ", false],
    ["GET / HTTP/1.1", "Host: a\r\nConnection: closed", true],
    ["GET / HTTP/1.0", "Host: a", false],
    ["GET / HTTP/1.0", "Connection: Keep-Alive", true],
  ];
  for (const [first, lines, wanted] of alive) {
    assertEquals(keepsAlive(parsed(lines, first)), wanted, lines);
  }
  const bodies: [string, boolean][] = [
    ["Host: a", false],
    ["Host: a\r\nContent-Length: 00", false],
    ["Host: a\r\nContent-Length: 10", true],
    ["Host: a\r\nTransfer-Encoding: xchunked", true],
  ];
  for (const [lines, wanted] of bodies) assertEquals(hasBody(parsed(lines)), wanted, lines);
}, PURE);
