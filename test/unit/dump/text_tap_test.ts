import { assert, assertEquals } from "@std/assert";
import { textTap } from "../../../lib/dump/text_tap.ts";
import { BatchWriter } from "../../../lib/base/batch_writer.ts";
import { parseDump } from "../../helpers/dump/packet_dump.ts";
import { latin1FromBytes } from "../../helpers/golden/golden.ts";
import { t } from "../../helpers/t.ts";

const PURE = { permissions: "none" } as const;
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** A tap and everything it printed. */
function printing() {
  const printed: Uint8Array[] = [];
  const writer = new BatchWriter((chunk) => {
    printed.push(chunk.slice());
    return Promise.resolve(chunk.length);
  }, () => {});
  async function printedBytes(): Promise<Uint8Array> {
    await writer.flush();
    return new Uint8Array(printed.flatMap((chunk) => [...chunk]));
  }
  return { tap: textTap(writer), writer, printedBytes };
}

async function text({ printedBytes }: ReturnType<typeof printing>): Promise<string> {
  return latin1FromBytes(await printedBytes());
}

t("textTap() prints both directions in order, and the end of the first direction", async () => {
  const one = printing();
  one.tap.chunk("client", bytes("HELO\r\n"));
  one.tap.chunk("backend", bytes("250\n"));
  one.tap.ended("client", "end");
  assertEquals(await text(one), "-> 6\nHELO\\0D\\0A\n\n-< 4\n250\\0A\n\n-> 0\n\n");
}, PURE);

t(
  "textTap() omits the end of the second direction if it sent nothing after the first end",
  async () => {
    const one = printing();
    one.tap.ended("backend", "end");
    one.tap.ended("client", "end");
    assertEquals(await text(one), "-< 0\n\n");
  },
  PURE,
);

t(
  "textTap() prints the end of the second direction if it sent data after the first end",
  async () => {
    const one = printing();
    one.tap.ended("client", "end");
    one.tap.chunk("backend", bytes("late"));
    one.tap.ended("backend", "reset");
    assertEquals(await text(one), "-> 0\n\n-< 4\nlate\n-< -1\n\n");
  },
  PURE,
);

t("textTap() prints a reset as -1", async () => {
  const one = printing();
  one.tap.chunk("client", bytes("abc"));
  one.tap.ended("client", "reset");
  assertEquals(await text(one), "-> 3\nabc\n-> -1\n\n");
}, PURE);

t("textTap() never prints a block of more than 32768 bytes", async () => {
  const one = printing();
  const data = Uint8Array.from({ length: 70_000 }, (_, i) => i % 251);
  one.tap.chunk("backend", data);
  const blocks = parseDump(await one.printedBytes());
  assertEquals(blocks.map(({ count }) => count), [32768, 32768, 4464]);
  assertEquals(new Uint8Array(blocks.flatMap((block) => [...block.bytes])), data);
}, PURE);

t("textTap() copies its bytes, so that the buffer may be reused at once", async () => {
  const one = printing();
  const buffer = bytes("abc");
  one.tap.chunk("client", buffer);
  buffer.fill(0x7a);
  assertEquals(await text(one), "-> 3\nabc\n");
}, PURE);

t("textTap() makes a sender wait while the output has no room", async () => {
  const one = printing();
  let waiting: Promise<void> | undefined;
  for (let i = 0; i < 40; i++) waiting = one.tap.chunk("client", new Uint8Array(32768).fill(0x61));
  assert(waiting instanceof Promise);
  await waiting;
  assertEquals(one.tap.chunk("client", bytes("x")), undefined);
  await one.printedBytes();
}, PURE);

t("textTap() never interleaves two connections within a block", async () => {
  const one = printing();
  const other = textTap(one.writer);
  one.tap.chunk("client", bytes("one"));
  other.chunk("client", bytes("other"));
  other.ended("client", "end");
  one.tap.ended("client", "end");
  assertEquals(await text(one), "-> 3\none\n-> 5\nother\n-> 0\n\n-> 0\n\n");
}, PURE);
