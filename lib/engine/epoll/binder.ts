import type { Endpoint } from "../../base/endpoint.ts";
import { fixed } from "../../native/memory.ts";
import type { Binder, BoundSocket, ListenFailure, SourceSupport } from "../engine.ts";
import { bindSocket, isLocal } from "./system/bind.ts";
import { ENOSYS, EPERM } from "./system/constants.ts";
import { errnoReader, errorText } from "./system/errno.ts";
import { type LibC, openLibC } from "./system/libc.ts";
import { localOf, newSocketContext, type SocketContext } from "./system/sockets.ts";

/** An invalid descriptor. */
const NONE = -1;

/** Binds addresses in the main isolate, whose descriptors other isolates accept from. */
class EpollBinder implements Binder {
  readonly #context: SocketContext;

  constructor(c: LibC) {
    this.#context = newSocketContext(c);
  }

  bind(
    at: Endpoint,
    { joins = false, free = false }: { joins?: boolean; free?: boolean } = {},
  ): BoundSocket | ListenFailure {
    const context = this.#context;
    const bound = bindSocket(context, at, { isShared: joins, isFree: free });
    if (typeof bound !== "number") return bound;
    let isOpen = true;
    return {
      local: localOf(context, bound) ?? at,
      descriptor: bound,
      close() {
        if (isOpen) context.c.close(bound);
        isOpen = false;
      },
    };
  }

  canDialFrom(source: string): Promise<SourceSupport> {
    return Promise.resolve(isLocal(this.#context, source) ? "yes" : "not local");
  }
}

/**
 * Opens the binder of the main isolate.
 *
 * @param open Opens the C library.
 * @returns Why the engine cannot run here, as the end of the message "the epoll engine …".
 */
export function openBinder(open = openLibC): Binder | string {
  const { os, arch } = Deno.build;
  if (os !== "linux") return "needs Linux";
  if (arch !== "x86_64" && arch !== "aarch64") return "needs an x86-64 or aarch64 processor";
  const c = open();
  if (c === undefined) return "needs the C library, and the permission to call it";
  return refusedCall(c) ?? new EpollBinder(c);
}

/**
 * A sandbox may refuse calls, which then fail with EPERM or ENOSYS (seccomp(2)). With an invalid
 * descriptor they would fail with EBADF.
 */
function refusedCall(c: LibC): string | undefined {
  const errno = errnoReader(c), bytes = fixed(64);
  const calls: Record<string, () => number> = {
    socket: () => c.socket(NONE, NONE, NONE),
    bind: () => c.bind(NONE, bytes, 16),
    listen: () => c.listen(NONE, 1),
    connect: () => c.connect(NONE, bytes, 16),
    getsockname: () => c.getsockname(NONE, bytes, bytes),
    write: () => c.write(NONE, bytes, 0n),
    epoll_create1: () => c.epoll_create1(NONE),
    epoll_ctl: () => c.epoll_ctl(NONE, 1, NONE, bytes),
    epoll_wait: () => c.epoll_wait(NONE, bytes, 1, 0),
    eventfd: () => c.eventfd(0, NONE),
    accept4: () => c.accept4(NONE, bytes, bytes, 0),
    splice: () => c.splice(NONE, 0n, NONE, 0n, 1n, 0),
    pipe2: () => c.pipe2(bytes, NONE),
    fcntl: () => c.fcntl(NONE, 1, 0),
    recv: () => c.recv(NONE, bytes, 1n, 0),
    send: () => c.send(NONE, bytes, 1n, 0),
    setsockopt: () => c.setsockopt(NONE, 1, 2, bytes, 4),
    getsockopt: () => c.getsockopt(NONE, 1, 2, bytes, bytes),
    shutdown: () => c.shutdown(NONE, 1),
  };
  for (const [name, call] of Object.entries(calls)) {
    const error = call() < 0 ? errno() : 0;
    if (error === EPERM || error === ENOSYS) return `cannot use ${name}: ${errorText(c, error)}`;
  }
  return undefined;
}
