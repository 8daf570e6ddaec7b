import type { Endpoint } from "../../base/endpoint.ts";
import type { Ending } from "../../base/side.ts";
import type {
  Dial,
  DialObserver,
  Engine,
  HeaderObserver,
  Link,
  Listener,
  ListenFailure,
  ListenOptions,
  Relay,
  RelayObserver,
} from "../engine.ts";
import { EPOLLERR } from "./system/constants.ts";
import { bindSocket } from "./system/bind.ts";
import { type Context, type ContextOptions, newContext } from "./context.ts";
import { localOf } from "./system/sockets.ts";
import { startDial } from "./dial.ts";
import type { LibC } from "./system/libc.ts";
import { type EpollLink, PREFIXED } from "./link.ts";
import { EpollListener } from "./listener.ts";
import { HeaderReader } from "./header_reader.ts";
import { AheadWatch } from "./read_ahead.ts";
import { EpollRelay } from "./relay.ts";

/** The engine over epoll(7) and splice(2) of Linux, in one isolate. */
export class EpollEngine implements Engine {
  readonly #context: Context;
  /** Resolves when its loop has ended, soon after {@link abandon}. */
  readonly ended: Promise<void>;

  /** @throws {Error} If no descriptor is free. */
  constructor(c: LibC, options: ContextOptions) {
    this.#context = newContext(c, options);
    const { loop, pipes } = this.#context;
    loop.onWait(pipes);
    this.ended = loop.run();
  }

  listen(at: Endpoint, options: ListenOptions = {}): Listener | ListenFailure {
    const context = this.#context, { descriptor, shared: isShared = false, free: isFree } = options;
    if (descriptor !== undefined) {
      return new EpollListener(context, descriptor, { local: at, isOwned: false });
    }
    const bound = bindSocket(context, at, { isShared, isFree });
    if (typeof bound !== "number") return bound;
    context.descriptors.opened(bound);
    const local = localOf(context, bound) ?? at;
    return new EpollListener(context, bound, { local, isOwned: true });
  }

  dial(to: Endpoint, { source }: { source: string | undefined }, observer: DialObserver): Dial {
    return startDial(this.#context, { to, source, observer });
  }

  beforeEvents(observe: (now: number) => void): void {
    this.#context.loop.beforeEvents(observe);
  }

  nextTurn(): Promise<void> {
    return this.#context.loop.nextTurn();
  }

  readHeader(client: Link, maxBytes: number, observer: HeaderObserver): void {
    const link = client as EpollLink;
    link.owner = new HeaderReader(this.#context, maxBytes, observer);
    // Without events, nothing would ever happen to it: counts as a reset.
    if (!link.watch()) link.event(EPOLLERR);
  }

  readAhead(client: Link, { gone }: { gone: (how: Ending, bytes: number) => void }): void {
    const link = client as EpollLink;
    const watch = new AheadWatch(this.#context, gone);
    link.owner = watch;
    link.watch();
    watch.lookAt(link);
  }

  relay(client: Link, backend: Link, observer: RelayObserver, prefix?: Uint8Array): Relay {
    const from = client as EpollLink;
    const relay = new EpollRelay(this.#context, from, backend as EpollLink, observer);
    if (prefix !== undefined) {
      relay.prefix = prefix;
      from.flags |= PREFIXED;
    }
    return relay;
  }

  abandon(): void {
    const { loop, descriptors, acceptBalance } = this.#context;
    acceptBalance.setAccepting(false);
    loop.stop();
    descriptors.closeAll();
  }
}
