import { NAME, VERSION } from "../../base/version.ts";
import type { DumpFormat, DumpFormatName, DumpSideOption } from "./format.ts";
import { createHex } from "./hex.ts";
import { createJson } from "./json.ts";
import { createPcapng } from "./pcapng.ts";
import { createText } from "./text.ts";

/**
 * Creates the encoder for one file or stream.
 *
 * @param options Name of the format, and the legs that it shows (the text format has none).
 */
export function createFormat(
  { format, side }: { format: DumpFormatName; side: DumpSideOption },
): DumpFormat {
  switch (format) {
    case "text":
      return createText();
    case "hex":
      return createHex({ side });
    case "json":
      return createJson({ side });
    case "pcapng":
      return createPcapng({ side, application: `${NAME} ${VERSION}` });
  }
}
