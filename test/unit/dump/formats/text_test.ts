import { assertEquals } from "@std/assert";
import type { Side } from "../../../../lib/base/side.ts";
import { createText } from "../../../../lib/dump/formats/text.ts";
import { textTap } from "../../../../lib/dump/text_tap.ts";
import { BatchWriter } from "../../../../lib/base/batch_writer.ts";
import { randomBytes, randomNumbers } from "../../../helpers/bytes.ts";
import { START } from "../../../helpers/dump/generated_traffic.ts";
import { t } from "../../../helpers/t.ts";
import { accepted } from "../../../helpers/dump/dump_records.ts";

const PURE = { permissions: "none" } as const;

t("createText() writes the same bytes as textTap(), the fast path of -p", async () => {
  const printed: Uint8Array[] = [];
  const writer = new BatchWriter((batch) => {
    printed.push(batch.slice());
    return Promise.resolve(batch.length);
  }, () => {});
  const tap = textTap(writer);
  const format = createText();
  const written: Uint8Array[] = [];
  const random = randomNumbers(3);
  const connection = accepted(1);
  for (let i = 0; i < 200; i++) {
    const direction: Side = random() % 2 === 0 ? "client" : "backend";
    if (random() % 8 === 0) {
      tap.ended(direction, "end");
      written.push(format.end(connection, { direction, how: "end", time: START }));
    } else {
      const chunk = randomBytes(1 + random() % (i % 10 === 0 ? 100_000 : 100), i);
      void tap.chunk(direction, chunk);
      written.push(format.data(connection, { direction, bytes: chunk, time: START }));
    }
  }
  await writer.flush();
  const join = (pieces: Uint8Array[]) => pieces.map((piece) => piece.toHex()).join("");
  assertEquals(join(written), join(printed));
}, PURE);
