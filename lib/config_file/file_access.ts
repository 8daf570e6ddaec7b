/** How configuration files are read; tests replace it. */
export interface FileAccess {
  /** The content of a regular file. Throws if it cannot be read. */
  read(path: string): Uint8Array;
  /** The path without symbolic links. Throws if there is no such file. */
  realPath(path: string): string;
  /** The names in a directory; none if there is no such directory. Throws if it cannot be read. */
  list(directory: string): readonly string[];
}

/** The largest file, in bytes: anything larger is not a configuration. */
const MAX_BYTES = 1 << 20;

/** The files of the system. */
export const SYSTEM_FILES: FileAccess = {
  read(path) {
    // A pipe can be read only once, but the background process and `reload` read again.
    const { isFile, isDirectory, size } = Deno.statSync(path);
    if (isDirectory) throw new Error("Is a directory");
    if (!isFile) throw new Error("not a regular file");
    if (size > MAX_BYTES) throw new Error(`larger than ${MAX_BYTES} bytes`);
    return Deno.readFileSync(path);
  },
  realPath: (path) => Deno.realPathSync(path),
  list(directory) {
    try {
      return [...Deno.readDirSync(directory)].map(({ name }) => name);
    } catch (error) {
      const { NotFound, NotADirectory } = Deno.errors;
      if (error instanceof NotFound || error instanceof NotADirectory) return [];
      throw error;
    }
  },
};
