import { assertEquals } from "@std/assert";
import type { Ending, Side } from "../../../../lib/base/side.ts";
import { createText } from "../../../../lib/dump/formats/text.ts";
import { joinBytes } from "../../../../lib/base/bytes.ts";
import { randomBytes, randomNumbers } from "../../../helpers/bytes.ts";
import { accepted, answered } from "../../../helpers/dump/dump_records.ts";
import { START } from "../../../helpers/dump/generated_traffic.ts";
import { parseDump } from "../../../helpers/dump/packet_dump.ts";
import { latin1FromBytes } from "../../../helpers/golden/golden.ts";
import { t } from "../../../helpers/t.ts";

const PURE = { permissions: "none" } as const;

const encode = (text: string) => new TextEncoder().encode(text);

/** A text format and what it has printed. */
function printing() {
  const format = createText();
  const pieces: Uint8Array[] = [];
  return {
    format,
    data(direction: Side, bytes: Uint8Array, id = 1): void {
      pieces.push(format.data(answered(id), { direction, bytes, time: START }));
    },
    end(direction: Side, how: Ending, id = 1): void {
      pieces.push(format.end(answered(id), { direction, how, time: START }));
    },
    bytes: () => joinBytes(pieces),
    text: () => latin1FromBytes(joinBytes(pieces)),
  };
}

t("text: both directions are printed in order, and the end of the first direction", () => {
  const one = printing();
  one.data("client", encode("HELO\r\n"));
  one.data("backend", encode("250\n"));
  one.end("client", "end");
  assertEquals(one.text(), "-> 6\nHELO\\0D\\0A\n\n-< 4\n250\\0A\n\n-> 0\n\n");
}, PURE);

t("text: the end of the second direction is not printed if no data came in between", () => {
  const one = printing();
  one.end("backend", "end");
  one.end("client", "end");
  assertEquals(one.text(), "-< 0\n\n");
}, PURE);

t("text: the end of the second direction is printed if data came in between", () => {
  const one = printing();
  one.end("client", "end");
  one.data("backend", encode("late"));
  one.end("backend", "reset");
  assertEquals(one.text(), "-> 0\n\n-< 4\nlate\n-< -1\n\n");
}, PURE);

t("text: the ends of two connections are independent", () => {
  const one = printing();
  one.data("client", encode("one"), 1);
  one.data("client", encode("other"), 2);
  one.end("client", "end", 2);
  one.end("client", "end", 1);
  assertEquals(one.text(), "-> 3\none\n-> 5\nother\n-> 0\n\n-> 0\n\n");
  // A closed connection is forgotten.
  assertEquals(one.format.close(answered(1), START).length, 0);
  one.end("backend", "end", 1);
  assertEquals(one.text().slice(-6), "-< 0\n\n");
}, PURE);

t("text: a reset is printed as -1", () => {
  const one = printing();
  one.data("client", encode("abc"));
  one.end("client", "reset");
  assertEquals(one.text(), "-> 3\nabc\n-> -1\n\n");
}, PURE);

t("text: no block has more than 32768 bytes", () => {
  for (const [length, counts] of [[32768, [32768]], [70_000, [32768, 32768, 4464]]] as const) {
    const one = printing();
    const data = Uint8Array.from({ length }, (_, i) => i % 251);
    one.data("backend", data);
    const blocks = parseDump(one.bytes());
    assertEquals(blocks.map(({ count }) => count), [...counts]);
    assertEquals(joinBytes(blocks.map(({ bytes }) => bytes)), data);
  }
}, PURE);

t("text: the bytes are copied, so that the buffer may be reused at once", () => {
  for (const length of [3, 40_000]) {
    const one = printing();
    const buffer = new Uint8Array(length).fill(0x61);
    one.data("client", buffer);
    const before = one.text();
    buffer.fill(0x7a);
    assertEquals(one.text(), before);
  }
}, PURE);

t("text: chunks of any size and any bytes can be read back", () => {
  const one = printing();
  const random = randomNumbers(3);
  const sent: Record<Side, Uint8Array[]> = { client: [], backend: [] };
  for (let i = 0; i < 200; i++) {
    const direction: Side = random() % 2 === 0 ? "client" : "backend";
    const chunk = randomBytes(1 + random() % (i % 10 === 0 ? 300_000 : 100), i);
    sent[direction].push(chunk);
    one.data(direction, chunk);
  }
  const blocks = parseDump(one.bytes());
  for (const [arrow, side] of [["->", "client"], ["-<", "backend"]] as const) {
    const shown = blocks.filter((block) => block.arrow === arrow).map(({ bytes }) => bytes);
    assertEquals(joinBytes(shown).toHex(), joinBytes(sent[side]).toHex());
  }
}, PURE);

t("text: there is nothing but blocks: no header, no events, no drops", () => {
  const { format } = printing();
  const nothing = [
    format.start(START),
    format.open(accepted(1), START),
    format.event(accepted(1), { text: "failed", time: START }),
    format.connected(answered(1), START),
    format.data(answered(1), { direction: "client", bytes: new Uint8Array(0), time: START }),
    format.close(answered(1), START),
    format.lost(1, START),
  ];
  assertEquals(joinBytes(nothing).length, 0);
}, PURE);
