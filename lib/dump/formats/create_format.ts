import { NAME, VERSION } from "../../base/version.ts";
import type { DumpFormat } from "./format.ts";
import { createHex } from "./hex.ts";
import { createJson } from "./json.ts";
import { createPcapng } from "./pcapng.ts";
import type { DumpSettings } from "../settings.ts";
import { createText } from "./text.ts";

/**
 * Makes the encoder that settings ask for.
 *
 * @param settings Format and side.
 */
export function createFormat({ format, side }: Pick<DumpSettings, "format" | "side">): DumpFormat {
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
