/**
 * Errors of system calls, read immediately after the call: an allocation in between may let V8 make
 * system calls of its own. Where bytes are moved, errno is only used as evidence of a reset: a wrong
 * EAGAIN must not end a connection, and a wrong error must not keep one waiting.
 */

import type { DialFailure } from "../../../base/reason.ts";
import { fixed } from "../../../native/memory.ts";
import type { AcceptFailure, ListenFailure } from "../../engine.ts";
import { dialFailureOf, isEstablishedCode } from "../../failures.ts";
import { ECONNRESET, EHOSTUNREACH, EPIPE, ETIMEDOUT } from "./constants.ts";
import { words } from "./libc.ts";

/** The functions that reading an error needs. */
export interface ErrorCalls {
  // deno-lint-ignore camelcase
  __errno_location(): bigint;
  memcpy(to: BufferSource, from: bigint, bytes: bigint): bigint;
  strerror(errno: number): bigint;
  strlen(text: bigint): bigint;
}

/** Reads `errno` of this thread. */
export type ErrnoReader = () => number;

/** @returns A function that does not allocate. */
export function errnoReader(c: ErrorCalls): ErrnoReader {
  // A thread's errno stays where it is, and an isolate stays on its thread.
  const location = c.__errno_location(), { numbers, bytes } = words(1);
  const size = 4n;
  return () => {
    c.memcpy(bytes, location, size);
    return numbers[0]!;
  };
}

/** The text of an error as strerror(3) has it, for example `Address already in use`. */
export function errorText(c: ErrorCalls, errno: number): string {
  const text = c.strerror(errno), length = c.strlen(text), bytes = fixed(Number(length));
  if (bytes.length > 0) c.memcpy(bytes, text, length);
  return new TextDecoder().decode(bytes);
}

/** Names of the errors that are distinguished; the numbers are those of errno(3). */
// deno-fmt-ignore
const CODES: Readonly<Record<number, string>> = {
  1: "EPERM", 4: "EINTR", 9: "EBADF", 11: "EAGAIN", 12: "ENOMEM", 13: "EACCES", 22: "EINVAL",
  23: "ENFILE", 24: "EMFILE", 28: "ENOSPC", 32: "EPIPE", 64: "ENONET", 71: "EPROTO",
  88: "ENOTSOCK", 92: "ENOPROTOOPT", 95: "EOPNOTSUPP", 98: "EADDRINUSE", 99: "EADDRNOTAVAIL",
  100: "ENETDOWN", 101: "ENETUNREACH", 103: "ECONNABORTED", 104: "ECONNRESET", 105: "ENOBUFS",
  107: "ENOTCONN", 110: "ETIMEDOUT", 111: "ECONNREFUSED", 112: "EHOSTDOWN", 113: "EHOSTUNREACH",
};

/** The code of an error, for example `"EMFILE"`. */
export function errorCode(errno: number): string {
  return CODES[errno] ?? `E${errno}`;
}

const LISTEN_FAILURES: Readonly<Record<string, ListenFailure["failure"]>> = {
  EADDRINUSE: "in use",
  EADDRNOTAVAIL: "not local",
  EACCES: "no permission",
  EPERM: "no permission",
  EMFILE: "no descriptor",
  ENFILE: "no descriptor",
  ENOSPC: "no descriptor",
};

/** Why an address cannot be bound, or not be listened on: bind(2), listen(2), epoll_ctl(2). */
export function listenFailureOf(c: ErrorCalls, errno: number): ListenFailure {
  return {
    failure: LISTEN_FAILURES[errorCode(errno)] ?? "failed",
    reason: errorText(c, errno),
  };
}

/** Errors that only concern one client, whose connection is lost: accept(2), section "ERRORS". */
const CLIENT_GONE: ReadonlySet<string> = new Set([
  "ECONNABORTED",
  "ECONNRESET",
  "EPROTO",
  "EPERM",
  "ENETDOWN",
  "ENOPROTOOPT",
  "EHOSTDOWN",
  "ENONET",
  "EHOSTUNREACH",
  "EOPNOTSUPP",
  "ENETUNREACH",
  "ETIMEDOUT",
]);

/** Why accept4(2) returned no connection. */
export function acceptFailureOf(c: ErrorCalls, errno: number): AcceptFailure {
  const code = errorCode(errno), reason = errorText(c, errno);
  return { failure: CLIENT_GONE.has(code) ? "client gone" : "shortage", reason };
}

/** Why a connection could not be made: socket(2), bind(2), connect(2), epoll_ctl(2). */
export function dialFailureByErrno(errno: number): DialFailure {
  return dialFailureOf(errorCode(errno));
}

/** Whether reading from a connection failed because it is gone: tcp(7), section "ERRORS". */
export function isReset(errno: number): boolean {
  return errno === ECONNRESET || errno === EPIPE || errno === ETIMEDOUT || errno === EHOSTUNREACH;
}

/** Whether a connect failed only after the connection had been established; see `failures.ts`. */
export function isEstablished(errno: number): boolean {
  return isEstablishedCode(errorCode(errno));
}
