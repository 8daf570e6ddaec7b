import {
  Arrival,
  type ArrivalContext,
  type ArrivalEnd,
  type ArrivalOwner,
} from "../../admission/arrival.ts";
import { bugLine } from "../../base/errors.ts";
import type { AcceptedLink } from "../../engine/engine.ts";
import type { ConnectionContext } from "../context.ts";
import { refuse } from "./unserved.ts";

/** Receives how arrivals end. */
export interface ArrivalsOwner {
  /** The header was read: the client is known now. */
  arrived(arrival: Arrival): void;
  /** The client is not served, and its link is closed. */
  refused(): void;
}

/** The connections of one isolate whose PROXY header is awaited. */
export class Arrivals implements ArrivalOwner {
  readonly #open = new Set<Arrival>();
  readonly #context: ConnectionContext & ArrivalContext;
  readonly #owner: ArrivalsOwner;

  constructor(context: ConnectionContext, owner: ArrivalsOwner) {
    this.#context = context;
    this.#owner = owner;
  }

  /** Those whose header has not been read yet. */
  get open(): ReadonlySet<Arrival> {
    return this.#open;
  }

  /** Awaits the header of a connection that was accepted. */
  add(link: AcceptedLink): void {
    const arrival = new Arrival(link, this.#context, this);
    this.#open.add(arrival);
    this.#context.monitor?.header?.(1n);
    arrival.start();
  }

  /** See {@link ArrivalOwner.identified}. */
  identified(arrival: Arrival): void {
    this.#remove(arrival);
    this.#owner.arrived(arrival);
  }

  /** See {@link ArrivalOwner.unidentified}. */
  unidentified(arrival: Arrival, { reason, badHeader, bug }: ArrivalEnd): void {
    this.#remove(arrival);
    if (bug !== undefined) this.#context.notice(bugLine(bug));
    if (badHeader !== undefined) this.#context.admission?.uncount(arrival.ageMs);
    refuse(this.#context, arrival.link, { reason, badHeader, arrival });
    this.#owner.refused();
  }

  #remove(arrival: Arrival): void {
    if (this.#open.delete(arrival)) this.#context.monitor?.header?.(-1n);
  }
}
