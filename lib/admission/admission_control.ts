import {
  AccessLists,
  type AddressList,
  type ConfiguredLists,
  type ListSources,
  listSources,
} from "../access/access_lists.ts";
import type { AccessChange } from "../access/overlay.ts";
import { prefixSet } from "../access/prefixes.ts";
import { compileVerdicts, type Verdicts } from "../access/verdicts.ts";
import type { Limits } from "./client_limits.ts";
import type { AdmissionSetup } from "./gate.ts";
import { type LimitChanges, LimitsControl } from "./limits_control.ts";
import { newRefusalMemory, type RefusalMemory } from "./refusal_memory.ts";

/** What serves connections, as far as it decides who may connect. */
export interface AdmissionPlane {
  /** Other clients are admitted from now on, in all isolates once this resolves. */
  setAdmission(setup: AdmissionSetup): Promise<void>;
}

/** The options about who may connect. */
export interface AdmissionOptions extends ConfiguredLists {
  /** The peers that must send a PROXY header; `undefined`: none. */
  readonly acceptProxy: AddressList | undefined;
  readonly limits: Limits;
}

/** Who may connect to a running balance: as configured, and as operators have changed it. */
export class AdmissionControl {
  readonly lists: AccessLists;
  readonly limits: LimitsControl;
  readonly refusals: RefusalMemory = newRefusalMemory();
  #plane: AdmissionPlane | undefined;
  #acceptProxy: AddressList | undefined;
  #proxies: Verdicts | undefined;

  /** @param size `workers`: how many isolates serve; `connections`: the most that all may have. */
  constructor(options: AdmissionOptions, size: { workers: number; connections: number }) {
    this.lists = new AccessLists(options);
    this.limits = new LimitsControl(options.limits, size);
    this.#setProxies(options);
  }

  /** The list of `--accept-proxy`; `undefined` without it. */
  get acceptProxy(): ListSources | undefined {
    return this.#acceptProxy && listSources(this.#acceptProxy);
  }

  /** What the isolates that serve get. */
  get setup(): AdmissionSetup {
    const access = this.lists.rules, limits = this.limits.handle, proxies = this.#proxies;
    const isActive = access !== undefined || proxies !== undefined || this.limits.isLimited;
    return { access, limits, proxies, refusals: this.refusals.buffer, isActive };
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

  /** Changes limits. Resolves when they apply to all new connections. */
  async limit(changes: LimitChanges): Promise<void> {
    this.limits.apply(changes);
    await this.#plane?.setAdmission(this.setup);
  }

  /** Other options apply. Resolves when they do to all new connections. */
  async configure(options: AdmissionOptions): Promise<void> {
    this.lists.configure(options);
    this.#setProxies(options);
    this.limits.configure(options.limits);
    await this.#plane?.setAdmission(this.setup);
  }

  #setProxies({ acceptProxy }: AdmissionOptions): void {
    this.#acceptProxy = acceptProxy;
    this.#proxies = acceptProxy &&
      compileVerdicts({ allow: acceptProxy.prefixes, deny: prefixSet([]) });
  }
}
