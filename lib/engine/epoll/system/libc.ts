/**
 * The C library as an isolate that serves calls it. Each isolate opens it for itself: functions
 * that another isolate has opened cannot be called.
 */

import { cLibraries } from "../../../native/c_library.ts";
import { type Fixed, fixed } from "../../../native/memory.ts";

// Lengths (`size_t`) are bigints: Deno passes a number more slowly. Results of type `ssize_t` are
// taken as 32 bits: no call here moves as much as 2 GiB. Pointers are `usize`: Deno's pointer objects
// need the permission for all libraries.
const SYMBOLS = {
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  setsockopt: { parameters: ["i32", "i32", "i32", "buffer", "u32"], result: "i32" },
  getsockopt: { parameters: ["i32", "i32", "i32", "buffer", "buffer"], result: "i32" },
  bind: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  listen: { parameters: ["i32", "i32"], result: "i32" },
  accept4: { parameters: ["i32", "buffer", "buffer", "i32"], result: "i32" },
  connect: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  getsockname: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
  shutdown: { parameters: ["i32", "i32"], result: "i32" },
  epoll_create1: { parameters: ["i32"], result: "i32" },
  epoll_ctl: { parameters: ["i32", "i32", "i32", "buffer"], result: "i32" },
  epoll_wait: { parameters: ["i32", "buffer", "i32", "i32"], result: "i32" },
  // In another thread of the runtime, so that the isolate is free meanwhile. That thread may outlive
  // the isolate and its buffers, so the events are written to memory from malloc(3).
  epoll_wait_aside: {
    name: "epoll_wait",
    parameters: ["i32", "usize", "i32", "i32"],
    result: "i32",
    nonblocking: true,
  },
  usleep_aside: { name: "usleep", parameters: ["u32"], result: "i32", nonblocking: true },
  recv: { parameters: ["i32", "buffer", "usize", "i32"], result: "i32" },
  send: { parameters: ["i32", "buffer", "usize", "i32"], result: "i32" },
  splice: { parameters: ["i32", "usize", "i32", "usize", "usize", "u32"], result: "i32" },
  pipe2: { parameters: ["buffer", "i32"], result: "i32" },
  fcntl: { parameters: ["i32", "i32", "i32"], result: "i32" },
  eventfd: { parameters: ["u32", "i32"], result: "i32" },
  write: { parameters: ["i32", "buffer", "usize"], result: "i32" },
  if_nametoindex: { parameters: ["buffer"], result: "u32" },
  if_indextoname: { parameters: ["u32", "buffer"], result: "usize" },
  malloc: { parameters: ["usize"], result: "usize" },
  free: { parameters: ["usize"], result: "void" },
  strerror: { parameters: ["i32"], result: "usize" },
  strlen: { parameters: ["usize"], result: "usize" },
  memcpy: { parameters: ["buffer", "usize", "usize"], result: "usize" },
  __errno_location: { parameters: [], result: "usize" },
} as const;

/** The functions of the C library. */
export type LibC = Deno.DynamicLibrary<typeof SYMBOLS>["symbols"];

/** What this isolate has opened. */
let library: LibC | undefined;

/**
 * Opens the C library, once in each isolate: an engine that is opened again needs no permission.
 *
 * @returns `undefined` if there is none, or without permission.
 */
export function openLibC(): LibC | undefined {
  if (library !== undefined) return library;
  for (const path of cLibraries()) {
    try {
      return library = Deno.dlopen(path, SYMBOLS).symbols;
    } catch { /* it is not there, or not permitted */ }
  }
  return undefined;
}

/** Bytes that the C library reads or writes, as numbers. */
export interface Words {
  readonly numbers: Int32Array<ArrayBuffer>;
  /** The same memory, to pass to the C library. */
  readonly bytes: Fixed;
}

/** @param count How many 32-bit numbers. */
export function words(count: number): Words {
  const bytes = fixed(4 * count);
  return { numbers: new Int32Array(bytes.buffer), bytes };
}
