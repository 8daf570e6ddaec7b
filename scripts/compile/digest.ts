import { CompileError } from "./error.ts";

/** The SHA-256 of some bytes, as 64 lower-case hexadecimal digits. */
export async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * Writes `SHA256SUMS` beside the executables in a folder, for `sha256sum -c`: one line for each
 * file `balance` or `balance-TARGET`, in the order of their names.
 *
 * @returns The text that was written.
 * @throws {CompileError} if the folder has no executable.
 */
export async function writeSums(folder: string): Promise<string> {
  const names: string[] = [];
  for await (const entry of Deno.readDir(folder)) {
    if (entry.isFile && /^balance(-[a-z0-9_]+(-[a-z0-9]+)+)?$/.test(entry.name)) {
      names.push(entry.name);
    }
  }
  if (names.length === 0) {
    throw new CompileError(`Cannot write SHA256SUMS: no files in [${folder}]`);
  }
  let text = "";
  for (const name of names.sort()) {
    text += `${await sha256(await Deno.readFile(`${folder}/${name}`))}  ${name}\n`;
  }
  await Deno.writeTextFile(`${folder}/SHA256SUMS`, text);
  return text;
}
