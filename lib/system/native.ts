/**
 * The few calls that only the C library offers. They are made first; then the FFI permission is
 * revoked for this isolate and all workers (see SECURITY.md).
 */

/** macOS has another number for `RLIMIT_NOFILE` and a maximum value (`OPEN_MAX`). */
const DARWIN = Deno.build.os === "darwin";
const RLIMIT_NOFILE = DARWIN ? 8 : 7;
const MAX_DESCRIPTORS = DARWIN ? 10240n : 2n ** 64n - 1n;
const PR_SET_NAME = 15;
const F_GETFD = 1, F_SETFD = 2, FD_CLOEXEC = 1;
/** Inherited descriptors are searched below this number. */
const INHERITED_BELOW = 1024;

const SYMBOLS = {
  getrlimit: { parameters: ["i32", "buffer"], result: "i32" },
  setrlimit: { parameters: ["i32", "buffer"], result: "i32" },
  fcntl: { parameters: ["i32", "i32", "i32"], result: "i32" },
  // Only Linux has it.
  prctl: {
    parameters: ["i32", "buffer", "usize", "usize", "usize"],
    result: "i32",
    optional: true,
  },
} as const;

type CLibrary = Deno.DynamicLibrary<typeof SYMBOLS>["symbols"];

/** File descriptors of the process. */
export interface ProcessLimits {
  /** Maximum number of open descriptors; `undefined` if unknown. */
  readonly descriptors: number | undefined;
  /** Descriptors that were open at start. */
  readonly open: number;
}

let limits: ProcessLimits = { descriptors: undefined, open: 0 };

/** The limits that {@link prepareProcess} found. */
export function processLimits(): ProcessLimits {
  return limits;
}

/** A platform, which determines where the C library is. */
export interface Machine {
  readonly os: string;
  readonly arch: string;
}

/**
 * Possible paths of the C library on a platform.
 *
 * They are absolute, and the permission names them: Deno looks a bare name up in the working
 * directory first, where anyone may have put a file.
 */
export function cLibraries({ os, arch }: Machine = Deno.build): string[] {
  if (os === "darwin") return ["/usr/lib/libSystem.B.dylib"];
  return [
    `/lib/${arch}-linux-gnu/libc.so.6`,
    `/usr/lib/${arch}-linux-gnu/libc.so.6`,
    "/lib64/libc.so.6",
    "/usr/lib/libc.so.6",
  ];
}

/**
 * Raises the soft limit of open descriptors to the hard limit. On Linux, it also names the process
 * and sets close-on-exec on inherited descriptors, so that the background process does not inherit
 * them. Call this before anything else.
 *
 * Without the library or the permission to call it (from source without `--allow-ffi`), nothing is
 * changed and the limit is unknown.
 *
 * @param name The name that `ps` shows, up to 15 bytes.
 */
export function prepareProcess(name: string): void {
  try {
    for (const path of cLibraries()) {
      if (Deno.permissions.querySync({ name: "ffi", path }).state !== "granted") continue;
      const found = prepareWith(path, name);
      if (found === undefined) continue;
      limits = found;
      return;
    }
  } finally {
    Deno.permissions.revokeSync({ name: "ffi" });
  }
}

/** Prepares the process with one library; `undefined` if that cannot be loaded. */
function prepareWith(path: string, name: string): ProcessLimits | undefined {
  try {
    const library = Deno.dlopen(path, SYMBOLS);
    try {
      const c = library.symbols;
      c.prctl?.(PR_SET_NAME, new TextEncoder().encode(`${name}\0`), 0n, 0n, 0n);
      return { open: DARWIN ? 0 : closeOnExec(c), descriptors: raiseDescriptors(c) };
    } finally {
      library.close();
    }
  } catch {
    return undefined;
  }
}

/** Sets close-on-exec on inherited descriptors. Returns how many descriptors are open. */
function closeOnExec({ fcntl }: CLibrary): number {
  let open = 3;
  for (let descriptor = 3; descriptor < INHERITED_BELOW; descriptor++) {
    const flags = fcntl(descriptor, F_GETFD, 0);
    if (flags < 0) continue;
    open++;
    if (!(flags & FD_CLOEXEC)) fcntl(descriptor, F_SETFD, flags | FD_CLOEXEC);
  }
  return open;
}

function raiseDescriptors({ getrlimit, setrlimit }: CLibrary): number | undefined {
  const limit = new BigUint64Array(2); // rlim_cur, rlim_max
  if (getrlimit(RLIMIT_NOFILE, limit) !== 0) return undefined;
  const [soft = 0n, hard = 0n] = limit;
  limit[0] = hard < MAX_DESCRIPTORS ? hard : MAX_DESCRIPTORS;
  if (limit[0] > soft) setrlimit(RLIMIT_NOFILE, limit);
  getrlimit(RLIMIT_NOFILE, limit);
  return Number(limit[0]);
}
