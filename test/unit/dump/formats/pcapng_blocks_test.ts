import { assertEquals, assertMatch } from "@std/assert";
import { createPcapng } from "../../../../lib/dump/formats/pcapng.ts";
import { START } from "../../../helpers/dump/generated_traffic.ts";
import { readBlocks, readOptions } from "../../../helpers/dump/pcapng.ts";
import { t } from "../../../helpers/t.ts";

const PURE = { permissions: "none" } as const;

const text = (from: Uint8Array) => new TextDecoder().decode(from);

const hexOf = (from: Uint8Array) => from.toHex();

t("pcapng: the header contains hardware, system, program, link type and time resolution", () => {
  const format = createPcapng({ hardware: "abacus", os: "none", application: "balance 4.0.0" });
  const [section, description, ...others] = readBlocks(format.start(START));
  assertEquals(others, []);
  assertEquals(section!.type, 0x0a0d0d0a);
  assertEquals(hexOf(section!.body.subarray(0, 16)), "4d3c2b1a01000000ffffffffffffffff");
  assertEquals(
    readOptions(section!.body.subarray(16)).map(([code, value]) => [code, text(value)]),
    [[2, "abacus"], [3, "none"], [4, "balance 4.0.0"]],
  );
  assertEquals(description!.type, 1);
  assertEquals(hexOf(description!.body.subarray(0, 8)), "6500000000000400");
  const options = new Map(readOptions(description!.body.subarray(8)));
  assertEquals(text(options.get(2)!), "client");
  assertEquals(hexOf(options.get(9)!), "06");
}, PURE);

t("pcapng: dropped chunks are counted in a statistics block", () => {
  const [block] = readBlocks(createPcapng().lost(12, START));
  assertEquals(block!.type, 5);
  const [comment, dropped] = readOptions(block!.body.subarray(12));
  assertEquals([comment![0], dropped![0], hexOf(dropped![1])], [1, 5, "0c00000000000000"]);
  assertMatch(text(comment![1]), /^12 chunks dropped/);
}, PURE);
