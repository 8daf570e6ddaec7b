/**
 * The path of a request target (RFC 9112 section 3.2), and the host that it names. Pure.
 *
 * @param target `/path?query`, or `http://host/path?query` as a proxy would get it.
 * @returns `undefined` if it has another form.
 */
export function requestTarget(
  target: string,
): { path: string; host: string | undefined } | undefined {
  if (target.startsWith("/")) {
    const path = URL.parse(`http://localhost${target}`)?.pathname;
    return path === undefined ? undefined : { path, host: undefined };
  }
  const url = /^https?:\/\//i.test(target) ? URL.parse(target) : null;
  if (url === null || url.username !== "" || url.password !== "") return undefined;
  return { path: url.pathname, host: url.host };
}
