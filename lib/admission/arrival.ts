import type { ConnectionInfo } from "../base/connection_info.ts";
import type { Reason } from "../base/reason.ts";
import type { AcceptedLink, Engine, HeaderObserver } from "../engine/engine.ts";
import { type HeaderFault, MAX_HEADER_BYTES, type ParsedHeader } from "../proxy_protocol/header.ts";
import { parseHeader } from "../proxy_protocol/parse_header.ts";
import type { Clock, Ticking } from "../timing/clock.ts";

/** How long a peer may take to send its header, in milliseconds. */
const HEADER_MS = 5000;
/** How many bytes of a bad header are shown. */
const SHOWN_BYTES = 32;

/** What arrivals share. */
export interface ArrivalContext {
  readonly engine: Pick<Engine, "readHeader">;
  readonly clock: Clock;
  /** Gives each connection its number. */
  readonly table: { nextConnection(): number };
}

/** Receives how the wait for a header ends: one call, after which the arrival is over. */
export interface ArrivalOwner {
  /** The header was read; the link has the addresses that it names. */
  identified(arrival: Arrival): void;
  /** The header was not read, and the link is still open. */
  unidentified(arrival: Arrival, end: ArrivalEnd): void;
}

/** Why an arrival did not become a connection. */
export interface ArrivalEnd {
  readonly reason: Reason;
  /** What is wrong with the header, if that is the reason. */
  readonly badHeader?: BadHeader | undefined;
  /** What a callback threw: a bug in balance. */
  readonly bug?: unknown;
}

/** A header that was not accepted. */
export interface BadHeader {
  readonly fault: HeaderFault;
  /** Its first bytes as text, with escapes; empty if none has arrived. */
  readonly firstBytes: string;
}

/** A connection from a peer that must send a PROXY header first: until that was read. */
export class Arrival implements HeaderObserver, Ticking {
  /** That of the connection that it becomes. */
  readonly id: number;
  readonly link: AcceptedLink;
  /** When it was accepted, in milliseconds of `performance.now()`. */
  readonly since: number = performance.now();
  readonly #context: ArrivalContext;
  readonly #owner: ArrivalOwner;
  /** When it was accepted, in milliseconds of the clock. */
  readonly #sinceTick: number;
  #parsed: ParsedHeader;
  #first: Uint8Array = new Uint8Array();
  #isOver = false;

  constructor(link: AcceptedLink, context: ArrivalContext, owner: ArrivalOwner) {
    this.id = context.table.nextConnection();
    this.link = link;
    this.#context = context;
    this.#owner = owner;
    this.#sinceTick = context.clock.now;
  }

  /** Milliseconds since it was accepted. */
  get ageMs(): number {
    return performance.now() - this.since;
  }

  /** Starts to read. */
  start(): void {
    const { engine, clock } = this.#context;
    clock.watch(this);
    try {
      engine.readHeader(this.link, MAX_HEADER_BYTES, this);
    } catch (bug) {
      this.#end({ reason: "connect failed", bug });
    }
  }

  /** As `Connection.info()`: its client is the peer. */
  info(): ConnectionInfo {
    return {
      id: this.id,
      client: this.link.remote,
      listener: this.link.local,
      state: "header",
      ageMs: Math.round(this.ageMs),
      idleMs: Math.round(this.#context.clock.now - this.#sinceTick),
      sent: 0,
      rcvd: 0,
    };
  }

  /** Ends it. */
  close(reason: Reason): void {
    this.#end({ reason });
  }

  tick(now: number): void {
    if (now - this.#sinceTick >= HEADER_MS) this.#bad("timeout");
  }

  arrived(bytes: Uint8Array): number | undefined {
    if (this.#isOver) return 0;
    this.#first = bytes.slice(0, SHOWN_BYTES);
    try {
      const parsed = this.#parsed = parseHeader(bytes);
      return typeof parsed === "object" ? parsed.length : parsed && 0;
    } catch (bug) {
      this.#end({ reason: "connect failed", bug });
      return 0;
    }
  }

  over(): void {
    if (this.#isOver) return;
    const parsed = this.#parsed;
    if (parsed === undefined) return this.#bad("closed");
    if (typeof parsed === "string") return this.#bad(parsed);
    try {
      this.link.announced = parsed.connection;
      this.#stop();
      this.#owner.identified(this);
    } catch (bug) {
      this.#owner.unidentified(this, { reason: "connect failed", bug });
    }
  }

  #bad(fault: HeaderFault): void {
    const badHeader = { fault, firstBytes: spelledOut(this.#first) };
    this.#end({ reason: "bad proxy header", badHeader });
  }

  #end(end: ArrivalEnd): void {
    if (this.#isOver) return;
    this.#stop();
    this.#owner.unidentified(this, end);
  }

  #stop(): void {
    this.#isOver = true;
    this.#context.clock.unwatch(this);
  }
}

/** Bytes as ASCII, the others as escapes such as `\xff`; a backslash is doubled. */
function spelledOut(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => {
    if (byte < 0x20 || byte > 0x7e) return `\\x${byte.toString(16).padStart(2, "0")}`;
    return byte === 0x5c ? "\\\\" : String.fromCharCode(byte);
  }).join("");
}
