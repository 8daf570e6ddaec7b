import type { Endpoint } from "../../base/endpoint.ts";
import type { DialFailure } from "../../base/reason.ts";
import type { Dial, DialObserver } from "../engine.ts";
import {
  IP_BIND_ADDRESS_NO_PORT,
  IPPROTO_IP,
  SOCK_STREAM,
  SOCKET_FLAGS,
} from "../../socket/constants.ts";
import { EADDRNOTAVAIL, EINPROGRESS, EPOLLERR, EPOLLHUP, EPOLLOUT } from "./system/constants.ts";
import type { Context } from "./context.ts";
import { setOption, takeError, tune } from "./system/sockets.ts";
import { dialFailureByErrno, isEstablished } from "./system/errno.ts";
import { BROKEN, EpollLink, type LinkOwner, READABLE, RESET } from "./link.ts";
import type { Deferred } from "./loop/deferred.ts";

/** The port is chosen by connect(2), which can use one for several destinations: ip(7). */
const NO_PORT = { level: IPPROTO_IP, name: IP_BIND_ADDRESS_NO_PORT };

/** A dial in progress. */
class EpollDial implements Dial, LinkOwner, Deferred {
  readonly #context: Context;
  readonly #observer: DialObserver;
  #link: EpollLink | undefined;
  #result: DialFailure | undefined;

  constructor(context: Context, observer: DialObserver) {
    this.#context = context;
    this.#observer = observer;
  }

  /** Waits for the result of a connect. */
  wait(link: EpollLink): void {
    this.#link = link;
    link.owner = this;
    if (!link.watch()) this.#endWith("no descriptor");
  }

  /** The dial has failed; reports it soon. */
  fail(failure: DialFailure): void {
    this.#result = failure;
    this.#context.loop.defer(this);
  }

  cancel(reason: "timeout" | "cancelled"): void {
    if (this.#link !== undefined) this.#endWith(reason);
  }

  #endWith(failure: DialFailure): void {
    this.#link?.close();
    this.#link = undefined;
    this.fail(failure);
  }

  event(link: EpollLink, events: number): void {
    if (!(events & (EPOLLOUT | EPOLLERR | EPOLLHUP))) return;
    const isBroken = (events & (EPOLLERR | EPOLLHUP)) !== 0;
    const errno = isBroken ? takeError(this.#context, link.descriptor) : 0;
    this.#link = undefined;
    if (errno !== 0 && !isEstablished(errno)) {
      link.close();
      this.#observer.dialed(dialFailureByErrno(errno));
      return;
    }
    if (errno !== 0) link.flags |= READABLE | RESET | BROKEN;
    link.owner = undefined;
    this.#observer.dialed(link);
  }

  run(): void {
    this.#observer.dialed(this.#result!);
  }

  bug(error: unknown): void {
    throw error;
  }
}

/** See `Engine.dial()`. */
export function startDial(
  context: Context,
  { to, source, observer }: {
    to: Endpoint;
    source: string | undefined;
    observer: DialObserver;
  },
): Dial {
  const dial = new EpollDial(context, observer);
  // After `abandon()`, nobody would close its socket.
  if (context.loop.isStopped) return dial;
  const started = connect(context, to, source);
  if (typeof started === "string") dial.fail(started);
  else dial.wait(started);
  return dial;
}

/** Starts to connect. */
function connect(
  context: Context,
  to: Endpoint,
  source: string | undefined,
): EpollLink | DialFailure {
  // Port 0 is valid on the command line.
  if (to.port === 0) return "refused";
  const { c, errno, addresses, descriptors } = context;
  const name = addresses.of(to);
  if (name === undefined) return "unreachable";
  const descriptor = c.socket(name[0]!, SOCK_STREAM | SOCKET_FLAGS, 0);
  if (descriptor < 0) return dialFailureByErrno(errno());
  descriptors.opened(descriptor);
  const failure = (source === undefined ? 0 : bindSource(context, descriptor, source)) ||
    (c.connect(descriptor, name, name.length) === 0 ? 0 : errno());
  if (failure !== 0 && failure !== EINPROGRESS) {
    descriptors.close(descriptor);
    return dialFailureByErrno(failure);
  }
  tune(context, descriptor);
  return new EpollLink(context, descriptor, { ip: to, port: to.port, local: undefined });
}

/** Binds a socket to a local address; returns 0 or the error. */
function bindSource(context: Context, descriptor: number, source: string): number {
  const { c, errno, addresses } = context;
  const name = addresses.of({ address: source, port: 0 });
  if (name === undefined) return EADDRNOTAVAIL;
  setOption(context, descriptor, NO_PORT);
  return c.bind(descriptor, name, name.length) === 0 ? 0 : errno();
}
