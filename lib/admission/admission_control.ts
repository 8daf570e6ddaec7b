import { type AccessChange, AccessLists, type ConfiguredLists } from "../access/access_lists.ts";
import { type ClientLimits, newClientLimits } from "./client_limits.ts";
import type { AdmissionSetup } from "./gate.ts";
import { newRefusalMemory, type RefusalMemory } from "./refusal_memory.ts";

/** What serves connections, as far as it decides who may connect. */
export interface AdmissionPlane {
  /** Other clients are admitted from now on, in all isolates once this resolves. */
  setAdmission(setup: AdmissionSetup): Promise<void>;
}

/** The options about who may connect. */
export type AdmissionOptions = ConfiguredLists;

/** Who may connect to a running balance: as configured, and as operators have changed it. */
export class AdmissionControl {
  readonly lists: AccessLists;
  readonly limits: ClientLimits;
  readonly refusals: RefusalMemory = newRefusalMemory();
  #plane: AdmissionPlane | undefined;

  /** @param size `workers`: how many isolates serve. */
  constructor(options: AdmissionOptions, { workers }: { workers: number }) {
    this.lists = new AccessLists(options);
    this.limits = newClientLimits(workers);
  }

  /** What the isolates that serve get. */
  get setup(): AdmissionSetup {
    const access = this.lists.rules, limits = this.limits.handle;
    return { access, limits, refusals: this.refusals.buffer, isActive: access !== undefined };
  }

  /** Changes reach connections from now on. */
  attach(plane: AdmissionPlane): void {
    this.#plane = plane;
  }

  /** Changes access lists. Resolves when that applies to all new connections. */
  async change(changes: readonly AccessChange[]): Promise<void> {
    this.lists.apply(changes);
    await this.#plane?.setAdmission(this.setup);
  }

  /** Other options apply. Resolves when they do to all new connections. */
  async configure(options: AdmissionOptions): Promise<void> {
    this.lists.configure(options);
    await this.#plane?.setAdmission(this.setup);
  }
}
