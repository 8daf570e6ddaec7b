/**
 * The files that a pattern names, in order of their paths. `*`, `?` and `[...]` match within a name;
 * `*` and `?` do not match a dot at its start.
 *
 * @param pattern An absolute path.
 * @param list The names in a directory; none if there is no such directory.
 * @returns Paths that exist.
 */
export function glob(pattern: string, list: (directory: string) => readonly string[]): string[] {
  let found = [""];
  for (const part of pattern.split("/").slice(1)) {
    if (!isGlob(part)) {
      found = found.map((path) => `${path}/${part}`);
      continue;
    }
    const wanted = nameMatcher(part);
    found = found.flatMap((path) =>
      list(path || "/").filter((name) => wanted.test(name)).map((name) => `${path}/${name}`)
    );
  }
  // After the last wildcard, names were appended without looking.
  const isListed = isGlob(pattern.slice(pattern.lastIndexOf("/")));
  const exists = (path: string) => {
    const end = path.lastIndexOf("/");
    return list(path.slice(0, end) || "/").includes(path.slice(end + 1));
  };
  return (isListed ? found : found.filter(exists)).toSorted();
}

/** Whether a path contains a wildcard. */
export function isGlob(path: string): boolean {
  return /[*?[]/.test(path);
}

function nameMatcher(part: string): RegExp {
  const source = part.replace(/\[([!^]?)(\]?[^\]]*)\]|[*?]|[^\w\s]/g, (found, not, set) => {
    if (found === "*") return ".*";
    if (found === "?") return ".";
    if (set === undefined) return `\\${found}`;
    return `[${not === "" ? "" : "^"}${set.replaceAll(/[\\\]^[]/g, "\\$&")}]`;
  });
  try {
    return new RegExp(/^[*?[]/.test(part) ? `^(?!\\.)${source}$` : `^${source}$`, "s");
  } catch {
    // A reversed range such as [z-a] matches nothing.
    return /(?!)/;
  }
}
