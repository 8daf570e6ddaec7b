import type { Refusal } from "../base/reason.ts";
import { type AccessRules, accessVerdict } from "../access/access_lists.ts";
import { verdictOf, type Verdicts } from "../access/verdicts.ts";
import type { Admission } from "./admission.ts";
import { ClientLimits } from "./client_limits.ts";
import type { LimitsHandle } from "./limits_memory.ts";
import { RefusalMemory } from "./refusal_memory.ts";

/** How clients are admitted, the same in every isolate. A plain record that can be cloned. */
export interface AdmissionSetup {
  readonly limits: LimitsHandle;
  /** The access lists, if there are any. */
  readonly access: AccessRules | undefined;
  /** The peers that must send a PROXY header, as those that it allows. */
  readonly proxies?: Verdicts | undefined;
  /** The buffer of a `RefusalMemory`. */
  readonly refusals: SharedArrayBuffer;
  /** Whether there is anything to check. Until that is so, connections are not counted either. */
  readonly isActive: boolean;
}

/** The admission of one isolate. */
export class Gate implements Admission {
  /** The memory in it is always the same. */
  setup: AdmissionSetup;
  readonly #limits: ClientLimits;
  readonly #refusals: RefusalMemory;

  /** @param worker Number of this isolate, from 0. */
  constructor(setup: AdmissionSetup, worker: number) {
    this.setup = setup;
    this.#limits = new ClientLimits(setup.limits, worker);
    this.#refusals = new RefusalMemory(setup.refusals);
  }

  expectsHeader(peer: string): boolean {
    const { proxies } = this.setup;
    return proxies !== undefined && verdictOf(proxies, peer) === "allow";
  }

  enter(client: string): Refusal | undefined {
    const { access } = this.setup;
    const refusal = access !== undefined && accessVerdict(access, client) === "deny"
      ? "denied"
      : this.#limits.enter(client);
    if (refusal !== undefined) this.#refusals.count(refusal);
    return refusal;
  }

  adopt(client: string): void {
    this.#limits.adopt(client);
  }

  leave(client: string): void {
    this.#limits.leave(client);
  }

  pauseMs(): number {
    return this.#limits.pauseMs();
  }

  accepted(): number {
    return this.#limits.accepted();
  }

  uncount(ageMs?: number): void {
    this.#limits.uncount(ageMs);
  }
}
