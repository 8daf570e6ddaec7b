import { encodeHex } from "@std/encoding/hex";
import { ScriptError } from "../system/script_error.ts";

/** The SHA-256 of bytes, as 64 lower-case hexadecimal digits. */
export async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return encodeHex(await crypto.subtle.digest("SHA-256", bytes));
}

/**
 * Checks bytes against a pinned digest.
 *
 * @param expected SHA-256, 64 lower-case hexadecimal digits.
 * @throws {ScriptError} naming both digests.
 */
export async function checkDigest(
  bytes: Uint8Array<ArrayBuffer>,
  { expected, what }: { expected: string; what: string },
): Promise<void> {
  const found = await sha256(bytes);
  if (found !== expected) {
    throw new ScriptError(`Refused [${what}]: SHA-256 is ${found}, expected ${expected}`);
  }
}

/**
 * Writes `SHA256SUMS` for the executables in a folder, in the format of `sha256sum -c`: one line
 * for each file `balance` or `balance-TARGET`, sorted by name.
 *
 * @returns The text that was written.
 * @throws {ScriptError} if the folder has no executable.
 */
export async function writeSums(folder: string): Promise<string> {
  const names: string[] = [];
  for await (const entry of Deno.readDir(folder)) {
    if (entry.isFile && /^balance(-[a-z0-9_]+(-[a-z0-9]+)+)?$/.test(entry.name)) {
      names.push(entry.name);
    }
  }
  if (names.length === 0) {
    throw new ScriptError(`Cannot write SHA256SUMS: no files in [${folder}]`);
  }
  let text = "";
  for (const name of names.sort()) {
    text += `${await sha256(await Deno.readFile(`${folder}/${name}`))}  ${name}\n`;
  }
  await Deno.writeTextFile(`${folder}/SHA256SUMS`, text);
  return text;
}
