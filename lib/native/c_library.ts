/**
 * The C library, for the few calls that Deno does not offer.
 *
 * It is opened once, first of all; then the FFI permission is revoked for this isolate and all
 * workers (see SECURITY.md), with the epoll engine as soon as its workers have opened the library,
 * too. The functions opened before remain callable, each in the isolate that has opened them.
 */

// An address is a `usize`: Deno's pointer objects need the permission that is revoked.
const SYMBOLS = {
  // `char **` of the environment, as it was when the library was opened.
  environ: { type: "usize", optional: true },
  getrlimit: { parameters: ["i32", "buffer"], result: "i32" },
  setrlimit: { parameters: ["i32", "buffer"], result: "i32" },
  fcntl: { parameters: ["i32", "i32", "i32"], result: "i32" },
  open: { parameters: ["buffer", "i32", "i32"], result: "i32" },
  read: { parameters: ["i32", "buffer", "usize"], result: "isize" },
  close: { parameters: ["i32"], result: "i32" },
  dup: { parameters: ["i32"], result: "i32" },
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  connect: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  bind: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  listen: { parameters: ["i32", "i32"], result: "i32" },
  setsockopt: { parameters: ["i32", "i32", "i32", "buffer", "u32"], result: "i32" },
  getsockopt: { parameters: ["i32", "i32", "i32", "buffer", "buffer"], result: "i32" },
  poll: { parameters: ["buffer", "usize", "i32"], result: "i32" },
  getpeername: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  getsockname: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  shutdown: { parameters: ["i32", "i32"], result: "i32" },
  kill: { parameters: ["i32", "i32"], result: "i32" },
  signal: { parameters: ["i32", "usize"], result: "usize" },
  sigaction: { parameters: ["i32", "usize", "buffer"], result: "i32" },
  memmove: { parameters: ["buffer", "buffer", "usize"], result: "usize" },
  memcpy: { parameters: ["buffer", "usize", "usize"], result: "usize" },
  strlen: { parameters: ["usize"], result: "usize" },
  strerror: { parameters: ["i32"], result: "usize" },
  clock_gettime: { parameters: ["i32", "buffer"], result: "i32" },
  tzset: { parameters: [], result: "void" },
  localtime_r: { parameters: ["buffer", "buffer"], result: "usize" },
  waitpid: { parameters: ["i32", "buffer", "i32"], result: "i32" },
  posix_spawn: {
    parameters: ["buffer", "buffer", "buffer", "buffer", "buffer", "buffer"],
    result: "i32",
  },
  posix_spawnattr_init: { parameters: ["buffer"], result: "i32" },
  posix_spawnattr_destroy: { parameters: ["buffer"], result: "i32" },
  posix_spawnattr_setflags: { parameters: ["buffer", "i16"], result: "i32" },
  posix_spawnattr_setsigmask: { parameters: ["buffer", "buffer"], result: "i32" },
  posix_spawn_file_actions_init: { parameters: ["buffer"], result: "i32" },
  posix_spawn_file_actions_destroy: { parameters: ["buffer"], result: "i32" },
  posix_spawn_file_actions_addopen: {
    parameters: ["buffer", "i32", "buffer", "i32", "u32"],
    result: "i32",
  },
  posix_spawn_file_actions_adddup2: { parameters: ["buffer", "i32", "i32"], result: "i32" },
  access: { parameters: ["buffer", "i32"], result: "i32" },
  write: { parameters: ["i32", "buffer", "usize"], result: "isize" },
  // Only Linux has these.
  prctl: {
    parameters: ["i32", "buffer", "usize", "usize", "usize"],
    result: "i32",
    optional: true,
  },
  __errno_location: { parameters: [], result: "usize", optional: true },
  dup3: { parameters: ["i32", "i32", "i32"], result: "i32", optional: true },
  epoll_ctl: { parameters: ["i32", "i32", "i32", "buffer"], result: "i32", optional: true },
  eventfd: { parameters: ["u32", "i32"], result: "i32", optional: true },
} as const;

/** The functions of the C library. */
export type CLibrary = Deno.DynamicLibrary<typeof SYMBOLS>["symbols"];

let library: CLibrary | undefined;

/** The C library that {@link openCLibrary} has opened; `undefined` without one, and in workers. */
export function cLibrary(): CLibrary | undefined {
  return library;
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
 * Opens the C library.
 *
 * @returns `undefined` if there is none, or without permission (from source without
 * `--allow-ffi`).
 */
export function openCLibrary(): CLibrary | undefined {
  for (const path of cLibraries()) {
    if (Deno.permissions.querySync({ name: "ffi", path }).state !== "granted") continue;
    try {
      return library = Deno.dlopen(path, SYMBOLS).symbols;
    } catch { /* it is not there */ }
  }
  return undefined;
}

/** Permanently revokes the permission to open any library, in all workers too. */
export function refuseLibraries(): void {
  Deno.permissions.revokeSync({ name: "ffi" });
}
