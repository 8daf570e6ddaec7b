/** The format of a dump file, from its name. */

import { UsageError } from "../base/errors.ts";
import { STDOUT } from "../base/stdout.ts";
import type { DumpFormatName } from "./formats/format.ts";

const FORMATS: Readonly<Record<string, DumpFormatName>> = {
  txt: "text",
  log: "text",
  hex: "hex",
  json: "json",
  jsonl: "json",
  pcapng: "pcapng",
};

/**
 * The format that the extension of a name selects: `.pcapng`, `.json`, `.jsonl`, `.hex`, `.txt` or
 * `.log`. A number or a date after it does not count: `x.pcapng.1`, `x.pcapng%n`. A name without an
 * extension, standard output, a named pipe and a device get text.
 *
 * @param file A valid name with placeholders, or `-`.
 * @param isSpecial Whether a path is that of a named pipe or a device. Asked only about a name with
 *     another extension.
 * @throws {UsageError} If the extension is another one.
 */
export function formatOfFile(
  file: string,
  isSpecial: (path: string) => boolean = isSpecialFile,
): DumpFormatName {
  if (file === STDOUT) return "text";
  // Placeholders become numbers.
  const name = file.slice(file.lastIndexOf("/") + 1).replace(/%[tpn]/g, "0").replace(/%%/g, "_");
  const extension = /.\.([a-z][^.]*?)\d*(?:\.[\d_-]*)*$/i.exec(name)?.[1];
  const format = FORMATS[extension?.toLowerCase() ?? "txt"];
  if (format !== undefined) return format;
  if (isSpecial(file)) return "text";
  const reason = extension?.toLowerCase() === "pcap"
    ? "the format pcap is not supported, name it .pcapng"
    : `unknown extension .${extension}: want ${
      Object.keys(FORMATS).map((known) => `.${known}`).join(" ")
    }, or choose a format`;
  throw new UsageError(`invalid dump file [${file}]: ${reason}`);
}

function isSpecialFile(path: string): boolean {
  try {
    const { isFile, isDirectory } = Deno.statSync(path);
    return !isFile && !isDirectory;
  } catch {
    return false;
  }
}
