import { type ClientLimits, type Limits, newClientLimits } from "./client_limits.ts";
import { formatRates, type Rates } from "./limit_texts.ts";

/** The limits that an operator has set. What is absent is as configured. */
export interface LimitChanges {
  readonly perClient?: number;
  readonly rates?: Rates;
}

/** The limits of a running balance: as configured, and as operators have changed them. */
export class LimitsControl {
  readonly #limits: ClientLimits;
  #configured: Limits;
  #changes: LimitChanges = {};

  /** @param size `workers`: isolates that serve; `connections`: the most that they may have. */
  constructor(configured: Limits, { workers, connections }: {
    readonly workers: number;
    readonly connections: number;
  }) {
    this.#configured = configured;
    this.#limits = newClientLimits(workers, { connections, limits: configured });
  }

  /** What workers need. */
  get handle(): ClientLimits["handle"] {
    return this.#limits.handle;
  }

  /** The limits in force. */
  get inForce(): Limits {
    return this.#limits.limits;
  }

  /** Whether there is a limit. */
  get isLimited(): boolean {
    return Object.values(this.inForce).some((limit) => limit > 0);
  }

  /** What operators have changed. */
  get changes(): LimitChanges {
    return this.#changes;
  }

  /** Changes limits. As configured, it is no change. */
  apply(changes: LimitChanges): void {
    this.#changes = { ...this.#changes, ...changes };
    this.#update();
  }

  /** Other limits are configured. What operators have changed stays, unless that option changes. */
  configure(configured: Limits): void {
    const before = this.#configured, { perClient, rates } = this.#changes;
    this.#configured = configured;
    this.#changes = {
      ...(perClient === undefined || before.perClient !== configured.perClient
        ? {}
        : { perClient }),
      ...(rates === undefined || !isSameRate(before, configured) ? {} : { rates }),
    };
    this.#update();
  }

  /** Open connections of a client, if they are counted. */
  open(client: string): number {
    return this.#limits.open(client);
  }

  #update(): void {
    const { perClient, rates } = this.#changes, configured = this.#configured;
    this.#changes = {
      ...(perClient === undefined || perClient === configured.perClient ? {} : { perClient }),
      ...(rates === undefined || isSameRate(rates, configured) ? {} : { rates }),
    };
    const { changes } = this;
    this.#limits.limits = {
      perClient: changes.perClient ?? configured.perClient,
      ...changes.rates ?? { acceptRate: configured.acceptRate, clientRate: configured.clientRate },
    };
  }
}

function isSameRate(one: Rates, other: Rates): boolean {
  return formatRates(one) === formatRates(other);
}
