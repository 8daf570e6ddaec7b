import type { Refusal } from "../base/reason.ts";
import type { Admission } from "./admission.ts";
import { ClientLimits } from "./client_limits.ts";
import type { LimitsHandle } from "./limits_memory.ts";

/** How clients are admitted, the same in every isolate. A plain record that can be cloned. */
export interface AdmissionSetup {
  readonly limits: LimitsHandle;
  /**
   * Whether there is anything to check. Otherwise connections are not counted either, and cost
   * nothing.
   */
  readonly isActive: boolean;
}

/** The admission of one isolate. */
export class Gate implements Admission {
  readonly #limits: ClientLimits;

  /** @param worker Number of this isolate, from 0. */
  constructor({ limits }: AdmissionSetup, worker: number) {
    this.#limits = new ClientLimits(limits, worker);
  }

  expectsHeader(_peer: string): boolean {
    return false;
  }

  enter(client: string): Refusal | undefined {
    return this.#limits.enter(client);
  }

  /** Counts a client whose connection was open before this gate was. */
  adopt(client: string): void {
    this.#limits.adopt(client);
  }

  leave(client: string): void {
    this.#limits.leave(client);
  }

  pauseMs(): number {
    return this.#limits.pauseMs();
  }

  accepted(): void {
    this.#limits.accepted();
  }
}
