import type { DumpFormat, DumpFormatName, DumpSide } from "./format.ts";
import { createHex } from "./hex.ts";
import { createJson } from "./json.ts";
import { createPcapng } from "./pcapng.ts";
import { createText } from "./text.ts";

type Create = (options: { side: DumpSide }) => DumpFormat;

const CREATE: Readonly<Record<DumpFormatName, Create>> = {
  text: createText,
  hex: createHex,
  json: createJson,
  pcapng: createPcapng,
};

/** Creates the encoder for one file or stream; the text format has no `side`. */
export function createFormat(
  { format, side }: { format: DumpFormatName; side: DumpSide },
): DumpFormat {
  return CREATE[format]({ side });
}
