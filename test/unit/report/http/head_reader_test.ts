import { assertEquals } from "@std/assert";
import { HeadReader, MAX_HEAD_BYTES } from "../../../../lib/report/http/head_reader.ts";
import { t } from "../../../helpers/t.ts";

/** Reads all heads of a stream that arrives in pieces of `size` bytes. */
async function heads(text: string, size: number): Promise<string[]> {
  const bytes = new TextEncoder().encode(text), reader = new HeadReader();
  let at = 0;
  const read = (into: Uint8Array<ArrayBuffer>) => {
    const piece = bytes.subarray(at, at + Math.min(size, into.length));
    into.set(piece);
    at += piece.length;
    return Promise.resolve(piece.length === 0 ? null : piece.length);
  };
  const found: string[] = [];
  for (;;) {
    const head = await reader.next(read);
    if (head === undefined) return found;
    found.push(head === "too large" ? head : new TextDecoder().decode(head));
    if (head === "too large") return found;
  }
}

t("HeadReader cuts a stream into heads, however it arrives", async () => {
  const stream = "\r\n\r\nGET /1 X\r\nA: b\r\n\r\nGET /2 X\r\n\r\n\r\nGET /3\r\n\r\nGET /4\r\n";
  for (const size of [1, 2, 3, 7, 1000]) {
    assertEquals(await heads(stream, size), ["GET /1 X\r\nA: b", "GET /2 X", "GET /3"], `${size}`);
  }
  assertEquals(await heads("a\n\nb\r\r\n\n", 3), []);
}, { permissions: "none" });

t("HeadReader refuses a head above its limit, in one piece and in many", async () => {
  const fits = "x".repeat(MAX_HEAD_BYTES - 4);
  for (const size of [1, 100_000]) {
    assertEquals(await heads(`${fits}\r\n\r\n${fits}\r\n\r\n`, size), [fits, fits]);
    assertEquals(await heads(`${fits}x\r\n\r\n`, size), ["too large"]);
    assertEquals(await heads(`${fits}x`.repeat(2), size), ["too large"]);
  }
}, { permissions: "none" });

t("HeadReader ignores empty lines before a head only up to its limit", async () => {
  const lines = "\r\n".repeat(MAX_HEAD_BYTES / 2);
  for (const size of [1, 7, 100_000]) {
    assertEquals(await heads(`\r\n\r\nGET /\r\n\r\n${lines}\r\n`, size), ["GET /", "too large"]);
  }
}, { permissions: "none" });
