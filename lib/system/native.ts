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
} as const;
const LINUX_SYMBOLS = {
  prctl: { parameters: ["i32", "buffer", "usize", "usize", "usize"], result: "i32" },
  fcntl: { parameters: ["i32", "i32", "i32"], result: "i32" },
} as const;

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
 *
 * @param machine Default: this one.
 */
export function cLibraries(machine: Machine = Deno.build): string[] {
  if (machine.os === "darwin") return ["/usr/lib/libSystem.B.dylib"];
  return [
    `/lib/${machine.arch}-linux-gnu/libc.so.6`,
    `/usr/lib/${machine.arch}-linux-gnu/libc.so.6`,
    "/lib64/libc.so.6",
    "/usr/lib/libc.so.6",
  ];
}

/**
 * Raises the soft limit of open descriptors to the hard limit, names the process, and sets
 * close-on-exec on inherited descriptors, so that the background process does not get them. Call
 * this before anything else.
 *
 * @param name The name that `ps` shows, up to 15 bytes.
 * @returns The limits that apply now. Without the library or the permission to call it (from
 *     source without `--allow-ffi`), nothing is changed and the limit is unknown.
 */
export function prepareProcess(name: string): ProcessLimits {
  try {
    for (const path of cLibraries()) {
      if (Deno.permissions.querySync({ name: "ffi", path }).state !== "granted") continue;
      const found = prepareWith(path, name);
      if (found !== undefined) return limits = found;
    }
  } finally {
    Deno.permissions.revokeSync({ name: "ffi" });
  }
  return limits;
}

/** Prepares the process with one library; `undefined` if that cannot be loaded. */
function prepareWith(path: string, name: string): ProcessLimits | undefined {
  try {
    const library = Deno.dlopen(path, SYMBOLS);
    try {
      const open = DARWIN ? 0 : prepareLinux(path, name);
      return { descriptors: raiseDescriptors(library.symbols), open };
    } finally {
      library.close();
    }
  } catch {
    return undefined;
  }
}

function raiseDescriptors(
  c: {
    getrlimit: (what: number, limit: BufferSource) => number;
    setrlimit: (what: number, limit: BufferSource) => number;
  },
): number | undefined {
  const limit = new BigUint64Array(2); // rlim_cur, rlim_max
  if (c.getrlimit(RLIMIT_NOFILE, limit) !== 0) return undefined;
  const [soft = 0n, hard = 0n] = limit;
  limit[0] = hard < MAX_DESCRIPTORS ? hard : MAX_DESCRIPTORS;
  if (limit[0] > soft) c.setrlimit(RLIMIT_NOFILE, limit);
  c.getrlimit(RLIMIT_NOFILE, limit);
  return Number(limit[0]);
}

/** Names the process and sets close-on-exec. Returns how many descriptors are open. */
function prepareLinux(path: string, name: string): number {
  const library = Deno.dlopen(path, LINUX_SYMBOLS);
  try {
    const { prctl, fcntl } = library.symbols;
    prctl(PR_SET_NAME, new TextEncoder().encode(`${name}\0`), 0n, 0n, 0n);
    let open = 3;
    for (let descriptor = 3; descriptor < INHERITED_BELOW; descriptor++) {
      const flags = fcntl(descriptor, F_GETFD, 0);
      if (flags < 0) continue;
      open++;
      if (!(flags & FD_CLOEXEC)) fcntl(descriptor, F_SETFD, flags | FD_CLOEXEC);
    }
    return open;
  } finally {
    library.close();
  }
}
