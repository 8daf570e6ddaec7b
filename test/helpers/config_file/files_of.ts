/** Configuration files in memory. */

import type { FileAccess } from "../../../lib/config_file/file_access.ts";

/**
 * Files that tests of the parser read.
 *
 * @param files Absolute paths and contents.
 */
export function filesOf(files: Readonly<Record<string, string | Uint8Array>>): FileAccess {
  const realPath = (path: string) => path.replaceAll(/\/[^/]+\/\.\.(?=\/)/g, "");
  return {
    read(path) {
      const content = files[realPath(path)];
      if (content === undefined) throw new Deno.errors.NotFound("No such file or directory");
      return typeof content === "string" ? new TextEncoder().encode(content) : content;
    },
    realPath,
    list(directory) {
      const start = directory.endsWith("/") ? directory : `${directory}/`;
      return [
        ...new Set(
          Object.keys(files).filter((path) => path.startsWith(start))
            .map((path) => path.slice(start.length).replace(/\/.*/s, "")),
        ),
      ];
    },
  };
}
