/** Asks for all hosts of groups at once, at the start and at a reload. */

import { hostForm } from "../address/host_form.ts";
import { AddressError } from "../base/errors.ts";
import { RESOLVE_TIMEOUT_MS } from "../base/limits.ts";
import { within } from "../base/within.ts";
import type { GroupSpec } from "../cli/groups.ts";
import { type FoundHost, type KnownHost, knownOf } from "./answer.ts";
import { type HostAsker, type NamedForm, UNKNOWN_NAME } from "./ask.ts";
import { type Expanded, expandGroups, type ExpandLimits } from "./expand.ts";
import type { ResolveInterval } from "./interval.ts";

/** What is planned with. */
export interface PlanOptions extends ExpandLimits {
  /** `--resolve` */
  readonly resolve: ResolveInterval;
  /** Length of `-B` as an address: `NAME*` and services get no others. */
  readonly sourceLength: number | undefined;
}

/** The channels that should exist, and what they were made of. */
export interface NamePlan {
  readonly options: PlanOptions;
  readonly groups: readonly GroupSpec[];
  readonly hosts: ReadonlyMap<string, PlannedHost>;
  readonly expanded: Expanded;
}

/** A host that is not an address. */
export interface PlannedHost {
  readonly form: NamedForm;
  /** `undefined` if it has no address, and never had one. */
  readonly known: KnownHost | undefined;
  /** Why it could not be asked for; `undefined` if it could. */
  readonly failure: string | undefined;
  /** As long as the answer is valid. */
  readonly ttlS: number | undefined;
}

/** The distinct hosts of groups that are not addresses, in order. */
export function namedHosts(groups: readonly GroupSpec[]): Map<string, NamedForm> {
  const hosts = new Map<string, NamedForm>();
  for (const { host } of groups.flatMap(({ channels }) => channels)) {
    const form = hostForm(host);
    if (form.kind !== "address") hosts.set(host, form);
  }
  return hosts;
}

/**
 * Asks for all hosts, and plans the channels.
 *
 * @param former What is known about a host that is already followed.
 * @throws {AddressError} Without `--resolve`, for the first host that has no address; its subject is
 * the index of the channel.
 */
export async function planNames(
  groups: readonly GroupSpec[],
  { asker, options, former }: {
    asker: HostAsker;
    options: PlanOptions;
    former: (host: string) => KnownHost | undefined;
  },
): Promise<NamePlan> {
  const follows = options.resolve !== 0, hosts = new Map<string, PlannedHost>();
  const channels = new Map(
    groups.flatMap(({ channels }) => channels.map((channel) => [channel.host, channel])),
  );
  const asked = [...namedHosts(groups)].map(([host, form]) => {
    // Times to live are asked for later: the start does not wait for them.
    const before = follows ? former(host)?.addresses : undefined;
    const answer = asker.ask(form, { ttl: false, ipLength: ipLengthOf(form, options), before });
    return { host, form, answer: follows ? within(answer, RESOLVE_TIMEOUT_MS) : answer };
  });
  for (const { host, form, answer } of asked) {
    const found = await answer ?? { failure: "no answer yet" }, before = former(host);
    const isUseless = !("failure" in found) && !hasAddress(found);
    if (!follows && ("failure" in found || isUseless)) {
      const reason = "failure" in found ? found.failure : "no target has an address";
      const plain = form.kind === "name" && reason === UNKNOWN_NAME ? "" : reason;
      const channel = channels.get(host), error = new AddressError(host, channel?.fault ?? plain);
      error.subject = channel?.index;
      throw error;
    }
    hosts.set(
      host,
      "failure" in found ? { form, known: before, failure: found.failure, ttlS: undefined } : {
        form,
        known: knownOf(found, { isAll: form.kind === "all", before }),
        failure: undefined,
        ttlS: found.ttlS,
      },
    );
  }
  return { options, groups, hosts, expanded: expandPlanned(groups, hosts, options) };
}

/** Expands groups with what is known about their hosts. */
export function expandPlanned(
  groups: readonly GroupSpec[],
  hosts: Iterable<readonly [string, { readonly known: KnownHost | undefined }]>,
  limits: ExpandLimits,
): Expanded {
  const known = [...hosts].flatMap(([host, { known }]) =>
    known === undefined ? [] : [[host, known] as const]
  );
  return expandGroups(groups, new Map(known), limits);
}

/** Which addresses count for a host. */
export function ipLengthOf(
  { kind }: NamedForm,
  { sourceLength }: PlanOptions,
): number | undefined {
  return kind === "name" ? undefined : sourceLength;
}

function hasAddress({ addresses, targets }: FoundHost): boolean {
  return addresses.length > 0 || targets.some(({ addresses }) => addresses.length > 0);
}
