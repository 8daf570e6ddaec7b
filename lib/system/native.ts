/**
 * The few things that only the C library can do, done first of all; then the permission to call
 * it is given up for good, for this isolate and all workers (see SECURITY.md).
 */

/** `RLIMIT_NOFILE`, which macOS numbers differently, and what it accepts at the most. */
const DARWIN = Deno.build.os === "darwin";
const RLIMIT_NOFILE = DARWIN ? 8 : 7;
const MAX_DESCRIPTORS = DARWIN ? 10240n : 2n ** 64n - 1n;
const PR_SET_NAME = 15;
const F_GETFD = 1, F_SETFD = 2, FD_CLOEXEC = 1;
/** Descriptors that a parent may have left open for us are looked for below this number. */
const INHERITED_BELOW = 1024;

const SYMBOLS = {
  getrlimit: { parameters: ["i32", "buffer"], result: "i32" },
  setrlimit: { parameters: ["i32", "buffer"], result: "i32" },
} as const;
const LINUX_SYMBOLS = {
  prctl: { parameters: ["i32", "buffer", "usize", "usize", "usize"], result: "i32" },
  fcntl: { parameters: ["i32", "i32", "i32"], result: "i32" },
} as const;

/** What the process may use. */
export interface ProcessLimits {
  /** Descriptors that may be open at a time; `undefined` if that could not be found out. */
  readonly descriptors: number | undefined;
  /** Descriptors that were open at the start. */
  readonly open: number;
}

/** What {@link prepareProcess} found out. */
let limits: ProcessLimits = { descriptors: undefined, open: 0 };

/** What the process may use, as far as {@link prepareProcess} could find out. */
export function processLimits(): ProcessLimits {
  return limits;
}

/** A kind of machine, as far as the C library is concerned. */
export interface Machine {
  readonly os: string;
  readonly arch: string;
}

/**
 * Paths of the C library on a kind of machine.
 *
 * They are absolute and permitted as such: a mere name would be looked up in the working
 * directory first, where anybody may have put a file. The library is loaded already.
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
 * Raises the soft limit of open descriptors to the hard one, gives the process its name, and
 * keeps descriptors that were inherited from whoever started us from going further, into the
 * background. To be called before anything is read.
 *
 * @param name What `ps` shows, up to 15 bytes.
 * @returns What is allowed now. Where there is no such library, or it is not permitted (from
 * source without `--allow-ffi`), nothing happens.
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

/** Does it with one library; `undefined` if that is not there. */
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

/** Returns how many descriptors are open. */
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
