import { assertEquals, assertMatch, assertNotMatch } from "@std/assert";
import { createHex } from "../../../../lib/dump/formats/hex.ts";
import { localTime } from "../../../../lib/dump/formats/times.ts";
import { randomBytes } from "../../../helpers/bytes.ts";
import { START } from "../../../helpers/dump/generated_traffic.ts";
import { t } from "../../../helpers/t.ts";
import { accepted, answered, record } from "../../../helpers/dump/format_fixtures.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

const text = (from: Uint8Array) => new TextDecoder().decode(from);

const hexOf = (from: Uint8Array) => from.toHex();

t("hex: blocks look like hexdump -C, after a line with direction, time and connection", () => {
  const file = record(createHex(), (format) => [
    format.open(accepted, START),
    format.event(accepted, { text: "channel 0.0 refused\nagain", time: START + 1 }),
    format.connected(answered, START + 2),
    format.data(answered, {
      direction: "client",
      bytes: bytes("Hello, world |\\\x7f\r\n"),
      time: START + 3,
    }),
    format.data(answered, { direction: "backend", bytes: Uint8Array.of(0, 255), time: START + 4 }),
    format.data(answered, {
      direction: "backend",
      bytes: bytes("abc"),
      length: 500,
      time: START + 5,
    }),
    format.data(answered, { direction: "client", bytes: bytes(""), length: 9, time: START + 6 }),
    format.end(answered, { direction: "client", how: "end", time: START + 7 }),
    format.close(answered, START + 8),
    format.lost(3, START + 9),
  ]);
  const time = localTime(START).slice(0, -1);
  assertEquals(
    text(file),
    `# ${time}6 I is from the client, O from the backend

# ${time}6 #17 open 10.0.0.1:40001 > 10.0.0.2:6379

# ${time}7 #17 channel 0.0 refused again

# ${time}8 #17 connected channel 0.1 to [2001:db8::2]:6380

I ${time}9 #17 10.0.0.1:40001 > 10.0.0.2:6379 channel 0.1 (18 bytes)
00000000  48 65 6c 6c 6f 2c 20 77  6f 72 6c 64 20 7c 5c 7f  |Hello, world |\\.|
00000010  0d 0a                                             |..|
00000012

O ${time.slice(0, -1)}60 #17 10.0.0.2:6379 > 10.0.0.1:40001 channel 0.1 (2 bytes)
00000000  00 ff                                             |..|
00000002

O ${time.slice(0, -1)}61 #17 10.0.0.2:6379 > 10.0.0.1:40001 channel 0.1 (3/500 bytes)
00000000  61 62 63                                          |abc|
00000003

# ${time.slice(0, -1)}62 #17 client sent 9 bytes

# ${time.slice(0, -1)}63 #17 client end

# ${time.slice(0, -1)}64 #17 close

# ${time.slice(0, -1)}65 3 chunks dropped so far

`,
  );
});

t(
  "hex: large chunks are split into blocks of 32 KiB, and no word of a heading is hexadecimal",
  () => {
    const format = createHex({ side: "server" });
    const chunk = randomBytes(70_000, 4);
    const file = text(format.data(answered, { direction: "client", bytes: chunk, time: START }));
    const blocks = file.split("\n\n").filter((block) => block !== "");
    assertEquals(blocks.length, 3);
    assertMatch(blocks[2]!, /\[2001:db8::1\]:50000 > .* \(65536\+4464\/70000 bytes\)/);
    const found = blocks.flatMap((block) =>
      block.split("\n").slice(1).map((line) => line.slice(10, 59).replaceAll(" ", ""))
    ).join("");
    assertEquals(found, hexOf(chunk));
    for (const block of blocks) {
      const words = block.split("\n")[0]!.split(" ");
      for (const word of words) assertNotMatch(word, /^[0-9a-f]+$/i);
    }
  },
);
