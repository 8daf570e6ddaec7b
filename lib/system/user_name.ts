/**
 * The name of a user from `/etc/passwd`; the number if it is not there.
 *
 * @param read Reads the file.
 */
export function userName(
  uid: number,
  read: () => string = () => Deno.readTextFileSync("/etc/passwd"),
): string {
  try {
    const fields = read().split("\n").map((line) => line.split(":"));
    return fields.find(([, , number]) => number === String(uid))?.[0] || String(uid);
  } catch {
    return String(uid);
  }
}
