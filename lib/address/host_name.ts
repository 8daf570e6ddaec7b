/** Maximum length of a name, and of each part between its dots (RFC 1035 section 2.3.4). */
const MAX_NAME = 253, LABEL = /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/;

/** A host name as it is compared: in lower case, without a dot at its end. Pure. */
export function normalHostName(name: string): string {
  return name.toLowerCase().replace(/\.$/, "");
}

/** Whether a name, as {@linkcode normalHostName} returns it, may be that of a host. Pure. */
export function isHostName(name: string): boolean {
  return name.length <= MAX_NAME && name.split(".").every((label) => LABEL.test(label));
}
