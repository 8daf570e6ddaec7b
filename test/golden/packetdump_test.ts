import { assertEquals } from "@std/assert";
import { textBlocks } from "../../lib/dump/formats/text.ts";

interface Case {
  name: string;
  direction: "->" | "-<";
  input_base64: string;
  output_base64: string;
}

const cases: Case[] = JSON.parse(
  Deno.readTextFileSync(new URL("./records/packetdump.json", import.meta.url)),
);

Deno.test({
  name: `textBlocks() prints all ${cases.length} recorded blocks byte for byte`,
  permissions: "none",
  fn() {
    for (const { name, direction, input_base64, output_base64 } of cases) {
      const block = textBlocks(
        direction === "->" ? "client" : "backend",
        Uint8Array.fromBase64(input_base64),
      );
      assertEquals(block.toBase64(), output_base64, name);
    }
  },
});
