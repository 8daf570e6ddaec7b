/** Paths in the private /tmp of a systemd service (`PrivateTmp=`), as other processes see them. */

import { cLibrary } from "./c_library.ts";
import { readProc } from "./memory.ts";

/** systemd makes the private directories in /tmp and in /var/tmp. */
const POINTS = ["/tmp", "/var/tmp"];

/** The name of such a directory. */
const PRIVATE = /\/systemd-private-[^/]+\/tmp$/;

/**
 * The path of a file as other processes see it.
 *
 * @param path An absolute path.
 * @param mounts /proc/self/mountinfo; by default that of this process, if it can be read.
 * @returns `path` itself unless it is in a private directory.
 */
export function outsidePath(path: string, mounts: string = readMounts()): string {
  const point = POINTS.find((one) => path.startsWith(`${one}/`));
  if (point === undefined) return path;
  // The last mount on a directory is the one in effect.
  const root = mounts.split("\n").map((line) => line.split(" "))
    .findLast((fields) => fields[4] === point)?.[3];
  const name = root && PRIVATE.exec(unescape(root))?.[0];
  return name ? `${point}${name}${path.slice(point.length)}` : path;
}

/** mountinfo has blanks, tabs, newlines and backslashes as octal numbers: `\040`. */
function unescape(field: string): string {
  return field.replace(/\\(\d{3})/g, (_, code) => String.fromCharCode(parseInt(code, 8)));
}

function readMounts(): string {
  const c = cLibrary();
  const bytes = c && readProc(c, "mountinfo");
  return bytes === undefined ? "" : new TextDecoder().decode(bytes);
}
