import { SpecError } from "./spec_error.ts";

/** Characters after a backslash that stand for a single byte. */
const SIMPLE: Readonly<Record<string, string>> = {
  r: "\r",
  n: "\n",
  t: "\t",
  "\\": "\\",
  "/": "/",
};

/**
 * Converts a text with the escapes `\r \n \t \\ \/ \xHH` to bytes; other characters are UTF-8.
 *
 * @throws {SpecError} Naming an escape that does not exist or is incomplete.
 */
export function parseEscapedText(text: string): Uint8Array<ArrayBuffer> {
  const encoder = new TextEncoder();
  const bytes: number[] = [];
  for (const [part, hex, simple] of text.matchAll(/\\x([0-9a-fA-F]{2})|\\(.?)|[^\\]+/gs)) {
    if (hex !== undefined) bytes.push(parseInt(hex, 16));
    else if (simple === undefined) bytes.push(...encoder.encode(part));
    else if (simple === "x") throw new SpecError("\\x needs two hexadecimal digits");
    else if (simple === "") throw new SpecError("a single backslash ends the text; write \\\\");
    else if (Object.hasOwn(SIMPLE, simple)) bytes.push(...encoder.encode(SIMPLE[simple]));
    else throw new SpecError(`unknown escape ${part}; known are \\r \\n \\t \\\\ \\/ \\xHH`);
  }
  return new Uint8Array(bytes);
}
