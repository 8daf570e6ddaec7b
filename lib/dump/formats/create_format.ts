import type { DumpFormat, DumpFormatName, DumpSide } from "./format.ts";
import { createHex } from "./hex.ts";
import { createJson } from "./json.ts";
import { createPcapng } from "./pcapng.ts";
import { createText } from "./text.ts";
import type { LineStyle } from "./text_lines.ts";

type Create = (options: { side: DumpSide } & LineStyle) => DumpFormat;

const CREATE: Readonly<Record<DumpFormatName, Create>> = {
  text: createText,
  hex: createHex,
  json: createJson,
  pcapng: createPcapng,
};

/** Creates the encoder for one file or stream; the text format has a style, but no `side`. */
export function createFormat(
  { format, ...options }: { format: DumpFormatName; side: DumpSide } & LineStyle,
): DumpFormat {
  return CREATE[format](options);
}
