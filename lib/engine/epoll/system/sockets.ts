/** Calls about one socket, and the memory that they use. */

import type { Endpoint } from "../../../base/endpoint.ts";
import { type Fixed, fixed } from "../../../native/memory.ts";
import { endpointOf } from "./addresses.ts";
import { ADDRESS_BYTES } from "../../../socket/addresses.ts";
import {
  IPPROTO_TCP,
  SO_ERROR,
  SO_KEEPALIVE,
  SO_LINGER,
  SOL_SOCKET,
  TCP_NODELAY,
} from "../../../socket/constants.ts";
import { type ErrnoReader, errnoReader } from "./errno.ts";
import { type LibC, type Words, words } from "./libc.ts";

/** What calls about sockets share in an isolate. */
export interface SocketContext {
  readonly c: LibC;
  readonly errno: ErrnoReader;
  /** The address that a system call has written last, and its length. */
  readonly name: Fixed;
  readonly nameBytes: Words;
  /** The value of a socket option. */
  readonly option: Words;
}

/** Reserves the memory. */
export function newSocketContext(c: LibC): SocketContext {
  return {
    c,
    errno: errnoReader(c),
    name: fixed(ADDRESS_BYTES),
    nameBytes: words(1),
    option: words(2),
  };
}

/** Sets an option of type `int`: setsockopt(2). */
export function setOption(
  { c, option: { numbers, bytes } }: SocketContext,
  descriptor: number,
  { level, name, value = 1 }: { level: number; name: number; value?: number },
): boolean {
  numbers[0] = value;
  return c.setsockopt(descriptor, level, name, bytes, 4) === 0;
}

const NO_DELAY = { level: IPPROTO_TCP, name: TCP_NODELAY };
const KEEP_ALIVE = { level: SOL_SOCKET, name: SO_KEEPALIVE };

/** Sends small messages immediately and detects dead peers. Accepted sockets inherit both. */
export function tune(context: SocketContext, descriptor: number): void {
  setOption(context, descriptor, NO_DELAY);
  setOption(context, descriptor, KEEP_ALIVE);
}

/** Makes the close of a socket a reset: socket(7), `SO_LINGER`. */
export function resetOnClose(
  { c, option: { numbers, bytes } }: SocketContext,
  descriptor: number,
): void {
  numbers[0] = 1;
  numbers[1] = 0;
  c.setsockopt(descriptor, SOL_SOCKET, SO_LINGER, bytes, 8);
}

/** Takes the pending error of a socket; 0 without one. */
export function takeError({ c, option, nameBytes }: SocketContext, descriptor: number): number {
  option.numbers[0] = 0;
  nameBytes.numbers[0] = 4;
  c.getsockopt(descriptor, SOL_SOCKET, SO_ERROR, option.bytes, nameBytes.bytes);
  return option.numbers[0]!;
}

/** The local address of a socket; `undefined` if the system does not know it any more. */
export function localOf(
  { c, name, nameBytes }: SocketContext,
  descriptor: number,
): Endpoint | undefined {
  nameBytes.numbers[0] = ADDRESS_BYTES;
  if (c.getsockname(descriptor, name, nameBytes.bytes) < 0) return undefined;
  return endpointOf(c, name);
}
