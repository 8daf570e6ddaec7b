/**
 * Makes text from outside safe to print: control characters, which could control the terminal or
 * start another line, and those that change the direction of text become escapes such as `\x1b`.
 *
 * @param text Arguments of the command line, or what another process has sent.
 * @param options `lines`: newlines and tabs stay as they are.
 */
export function printable(text: string, options: { lines?: boolean } = {}): string {
  return text.replace(options.lines ? UNSAFE_IN_LINES : UNSAFE, (found) => {
    const hex = found.charCodeAt(0).toString(16);
    return hex.length > 2 ? `\\u${hex}` : `\\x${hex.padStart(2, "0")}`;
  });
}

/**
 * Decodes UTF-8; a byte that is not part of a character becomes an escape such as `\xff`. For
 * messages, with {@link printable}.
 */
export function decodedText(bytes: Uint8Array): string {
  try {
    return STRICT_UTF8.decode(bytes);
  } catch { /* some bytes are not UTF-8 */ }
  let text = "";
  for (let at = 0; at < bytes.length;) {
    const first = bytes[at]!, length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    const found = bytes.subarray(at, at + length), char = UTF8.decode(found);
    // Anything else becomes several characters.
    const isChar = found.length === length && [...char].length === 1;
    text += isChar ? char : `\\x${first.toString(16)}`;
    at += isChar ? length : 1;
  }
  return text;
}

const UTF8 = new TextDecoder("utf-8", { ignoreBOM: true });
const STRICT_UTF8 = new TextDecoder("utf-8", { ignoreBOM: true, fatal: true });

/**
 * Parses JSON that another process has sent. All strings in it are {@link printable}: an escape such
 * as `\u001b` would otherwise turn into a control character.
 *
 * @throws {SyntaxError} If it is not JSON.
 */
export function parsePrintableJson(text: string): ReturnType<typeof JSON.parse> {
  return JSON.parse(text, (_, value) => typeof value === "string" ? printable(value) : value);
}

// deno-lint-ignore no-control-regex
const UNSAFE = /[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]/g;
// deno-lint-ignore no-control-regex
const UNSAFE_IN_LINES = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]/g;

/** Most characters of a message, and how many of a longer one are kept at its start and end. */
const LONGEST = 1000, KEPT_AT_START = 600, KEPT_AT_END = 300;

/** Cuts the middle out of a message that quotes a huge argument; its end is often the reason. */
export function shortened(text: string): string {
  if (text.length <= LONGEST) return text;
  return `${text.slice(0, KEPT_AT_START)}...${text.slice(-KEPT_AT_END)}`;
}
