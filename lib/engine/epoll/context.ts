/** What the parts of the engine share in an isolate. */

import { type Fixed, fixed } from "../../native/memory.ts";
import type { IsolateLoads } from "../isolate_loads.ts";
import { Loop } from "./loop/loop.ts";
import type { LoopOptions } from "./loop/loop_options.ts";
import { Pipes } from "./pipes.ts";
import { SocketAddresses } from "./system/addresses.ts";
import { Descriptors } from "./system/descriptors.ts";
import type { LibC } from "./system/libc.ts";
import { AcceptBalance } from "./accept_balance.ts";
import { newSocketContext, type SocketContext } from "./system/sockets.ts";

/** Size of the buffer that all reads of an isolate share. */
export const BUFFER_BYTES = 64 << 10;

/** Options of the engine; see `EngineOptions`. */
export interface ContextOptions extends LoopOptions {
  readonly sockets?: Uint8Array | undefined;
  readonly loads?: IsolateLoads | undefined;
  /** Maximum number of pipes for splice(2). */
  readonly maxPipes?: number | undefined;
}

/** See the top of the file. */
export interface Context extends SocketContext {
  readonly descriptors: Descriptors;
  readonly loop: Loop;
  readonly pipes: Pipes;
  readonly acceptBalance: AcceptBalance;
  readonly addresses: SocketAddresses;
  /** What was read last; valid until the next read. */
  readonly buffer: Fixed;
}

/** @throws {Error} If no descriptor is free. */
export function newContext(c: LibC, options: ContextOptions): Context {
  const descriptors = new Descriptors(c, options.sockets);
  const acceptBalance = new AcceptBalance(c, options.loads);
  const waiting = options.loads && ((value: boolean) => acceptBalance.setWaiting(value));
  return {
    ...newSocketContext(c),
    descriptors,
    loop: new Loop(c, descriptors, { ...options, waiting }),
    pipes: new Pipes(c, descriptors, options.maxPipes),
    acceptBalance,
    addresses: new SocketAddresses(c),
    buffer: fixed(BUFFER_BYTES),
  };
}

/** Closes a socket, whose events that have arrived are dropped. */
export function closeSocket({ loop, descriptors }: Context, descriptor: number): void {
  loop.forget(descriptor);
  descriptors.close(descriptor);
}
