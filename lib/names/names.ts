/**
 * Follows the names of channels (`--resolve`): asks for them again, and changes the channels when
 * the answers have changed. The last good answer stays while there is no other.
 */

import { printable } from "../base/printable.ts";
import type { WantedGroup } from "../channel_set/wanted.ts";
import type { GroupSpec } from "../cli/groups.ts";
import { changeText, isSameHost, type KnownHost, knownOf, placesOf } from "./answer.ts";
import { type AskerParts, type HostAnswer, type NamedForm, newHostAsker } from "./ask.ts";
import { originKey } from "./expand.ts";
import { nextAskMs } from "./interval.ts";
import { expandPlanned, ipLengthOf, type NamePlan, planNames, type PlanOptions } from "./plan.ts";

export type { NamePlan } from "./plan.ts";

/** Milliseconds between two questions for a name that clients cannot connect to. */
const AGAIN_MS = 1000;

/** What {@link Names} depend on. */
export interface NamesParts extends AskerParts {
  /** Prints a line for the operator. */
  readonly notice: (line: string) => void;
}

/** The names of channels. */
export interface Names {
  /**
   * Asks for all hosts of groups. Nothing changes before {@link follow}.
   *
   * @throws {AddressError} Without `--resolve`, for the first host that has no address.
   */
  plan(groups: readonly GroupSpec[], options: PlanOptions): Promise<NamePlan>;
  /**
   * Follows the names of a plan from now on, and no others.
   *
   * @param apply Changes the channels; it throws if they do not fit.
   */
  follow(plan: NamePlan, apply: (wanted: readonly WantedGroup[]) => void): void;
  /** A connect to a channel failed: asks for its name at once, at most once a second. */
  connectFailed(group: number, key: string): void;
  /** Stops asking. */
  close(): void;
}

/** A name that is followed. */
interface Followed {
  readonly host: string;
  readonly form: NamedForm;
  known: KnownHost | undefined;
  isFailing: boolean;
  isAsked: boolean;
  /** Whether to ask again once the current question is over. */
  askAgain: boolean;
  /** When it was asked for last, in milliseconds of `performance.now()`. */
  askedAt: number;
  timer: ReturnType<typeof setTimeout> | undefined;
}

/** Makes {@link Names}; nothing is asked before {@link Names.plan}. */
export function openNames({ notice, ...parts }: NamesParts): Names {
  return new FollowedNames(newHostAsker(parts), notice);
}

class FollowedNames implements Names {
  readonly #asker: ReturnType<typeof newHostAsker>;
  readonly #notice: (line: string) => void;
  #hosts = new Map<string, Followed>();
  #plan: NamePlan | undefined;
  #origins: ReadonlyMap<string, string> = new Map();
  #apply: (wanted: readonly WantedGroup[]) => void = () => {};
  /** Lines about names that resolve to too many channels, which are printed once. */
  #tooMany: ReadonlyMap<string, string> = new Map();
  /** Whether the channels are not what they should be, because they did not fit. */
  #isBehind = false;

  constructor(asker: ReturnType<typeof newHostAsker>, notice: (line: string) => void) {
    this.#asker = asker;
    this.#notice = notice;
  }

  plan(groups: readonly GroupSpec[], options: PlanOptions): Promise<NamePlan> {
    const former = (host: string) => this.#hosts.get(host)?.known;
    return planNames(groups, { asker: this.#asker, options, former });
  }

  follow(plan: NamePlan, apply: (wanted: readonly WantedGroup[]) => void): void {
    const before = this.#hosts, isFirst = this.#plan === undefined;
    this.close();
    this.#plan = plan;
    this.#apply = apply;
    this.#isBehind = false;
    this.#hosts = new Map();
    for (const [host, { form, known, failure, ttlS }] of plan.hosts) {
      const old = before.get(host);
      const one: Followed = old ?? {
        ...{ host, form, known, isFailing: false, isAsked: false, askAgain: false },
        askedAt: isFirst ? performance.now() : -Infinity,
        timer: undefined,
      };
      one.known = known;
      this.#hosts.set(host, one);
      if (plan.options.resolve === 0) continue;
      this.#reportFailure(one, failure);
      // Times to live are not known yet.
      this.#askIn(one, this.#isTtl && ttlS === undefined ? Math.random() * AGAIN_MS : undefined);
    }
    this.#accept(plan.expanded);
  }

  connectFailed(group: number, key: string): void {
    const host = this.#origins.get(originKey(group, key));
    const one = host === undefined ? undefined : this.#hosts.get(host);
    if (one === undefined || !this.#isFollowing) return;
    if (one.isAsked) one.askAgain = true;
    else this.#askIn(one, Math.max(0, one.askedAt + AGAIN_MS - performance.now()));
  }

  close(): void {
    for (const one of this.#hosts.values()) clearTimeout(one.timer);
    this.#hosts = new Map();
  }

  get #isFollowing(): boolean {
    return this.#plan !== undefined && this.#plan.options.resolve !== 0;
  }

  get #isTtl(): boolean {
    return this.#plan?.options.resolve === "ttl";
  }

  #askIn(one: Followed, ms?: number, ttlS?: number): void {
    clearTimeout(one.timer);
    const { resolve } = this.#plan!.options;
    const pause = ms ?? nextAskMs(resolve, { ttlS, random: Math.random() });
    one.timer = setTimeout(() => void this.#ask(one), pause);
    Deno.unrefTimer(one.timer);
  }

  async #ask(one: Followed): Promise<void> {
    if (one.isAsked) return;
    one.isAsked = true;
    one.askAgain = false;
    one.askedAt = performance.now();
    const ipLength = ipLengthOf(one.form, this.#plan!.options);
    const before = one.known?.addresses;
    const answer = await this.#asker.ask(one.form, { ttl: this.#isTtl, ipLength, before });
    one.isAsked = false;
    // It is no longer followed.
    if (this.#hosts.get(one.host) !== one || !this.#isFollowing) return;
    this.#answered(one, answer);
    const again = Math.max(0, one.askedAt + AGAIN_MS - performance.now());
    const ttlS = "failure" in answer ? undefined : answer.ttlS;
    this.#askIn(one, one.askAgain ? again : undefined, ttlS);
  }

  #answered(one: Followed, answer: HostAnswer): void {
    const { form, known: before } = one;
    if ("failure" in answer) return this.#reportFailure(one, answer.failure);
    this.#reportFailure(one, undefined);
    const isAll = form.kind === "all", known = knownOf(answer, { isAll, before });
    const isSame = before !== undefined && isSameHost(before, known);
    if (isSame && !this.#isBehind) return;
    one.known = known;
    if (!isSame) {
      this.#notice(`name ${printable(one.host)}: ${changeText(before, known, { isAll })}`);
    }
    this.#change();
  }

  /** Makes the channels what they should be. */
  #change(): void {
    const { groups, options } = this.#plan!;
    const expanded = expandPlanned(groups, this.#hosts, options);
    try {
      this.#apply(expanded.wanted);
      this.#isBehind = false;
      this.#accept(expanded);
    } catch (error) {
      // They stay as they are, and the next answer tries again.
      if (!this.#isBehind) this.#notice(`cannot follow names: ${(error as Error).message}`);
      this.#isBehind = true;
    }
  }

  #accept({ origins, tooMany }: NamePlan["expanded"]): void {
    this.#origins = origins;
    for (const [host, line] of tooMany) if (!this.#tooMany.has(host)) this.#notice(line);
    this.#tooMany = tooMany;
  }

  /** Reports that a name cannot be asked for, or can again, once. */
  #reportFailure(one: Followed, failure: string | undefined): void {
    const isFailing = failure !== undefined;
    if (isFailing === one.isFailing) return;
    one.isFailing = isFailing;
    const kept = placesOf(one.known).join(", "), name = `name ${printable(one.host)}`;
    if (!isFailing) return this.#notice(`${name} is resolved again`);
    this.#notice(
      `${name} cannot be resolved: ${failure}; ${kept ? `keeping ${kept}` : "it is down"}`,
    );
  }
}
