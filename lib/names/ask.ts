/** Resolves the hosts of channels. */

import type { HostForm } from "../address/host_form.ts";
import type { Ip } from "../address/ip.ts";
import { type Lookup, resolveName, systemLookup } from "../address/resolve_host.ts";
import { AddressError, messageOf } from "../base/errors.ts";
import { within } from "../base/within.ts";
import type { DnsAnswer, DnsClient } from "../dns/client.ts";
import type { RecordType } from "../dns/message.ts";
import type { FoundHost, ServiceTarget } from "./answer.ts";
import { newSlots } from "./slots.ts";

/** A host that has to be asked for. */
export type NamedForm = Exclude<HostForm, { kind: "address" }>;

/** The answer about a host. */
export type HostAnswer =
  | FoundHost
  /** For a line: `unknown name`, `SERVFAIL`, ... */
  | { readonly failure: string };

/** Asks for hosts. */
export interface HostAsker {
  /**
   * Asks for a host. Never rejects.
   *
   * @param how `ttl`: ask for times to live as well. `ipLength`: only IPv4 (4) or IPv6 (16) counts.
   */
  ask(form: NamedForm, how: AskOptions): Promise<HostAnswer>;
}

/** How a host is asked for. */
export interface AskOptions {
  readonly ttl: boolean;
  readonly ipLength?: number | undefined;
  /** The addresses that a name has so far; none for a service. */
  readonly before?: readonly Ip[] | undefined;
}

/** What is asked. */
export interface AskerParts {
  /** @default the system's resolver */
  readonly lookup?: Lookup | undefined;
  /** @default one that follows /etc/resolv.conf, loaded when it is needed */
  readonly dns?: DnsClient | undefined;
}

/** The failure of a name that does not exist: one word for all resolvers. */
export const UNKNOWN_NAME = "unknown name";

/** Questions that may be in flight at a time: each occupies a thread, or a socket. */
const MAX_LOOKUPS = 8, MAX_QUESTIONS = 16;

/** Milliseconds to wait for a time to live; without it, the name may still be in a file. */
const TTL_MS = 2000;

/** Asks the system and DNS, a bounded number of questions at a time. */
interface Sources {
  /** Looks up a name; one that gives up keeps its slot until the resolver has given up, too. */
  lookUp(name: string): Promise<readonly Ip[] | string>;
  askDns(name: string, type: RecordType): Promise<DnsAnswer>;
}

function openSources({ lookup = systemLookup, dns }: AskerParts): Sources {
  const lookups = newSlots(MAX_LOOKUPS), questions = newSlots(MAX_QUESTIONS);
  let client = dns === undefined ? undefined : Promise.resolve(dns);
  return {
    async askDns(name, type) {
      // The library is loaded only if it is used.
      client ??= import("../dns/client.ts").then(({ openDnsClient }) => openDnsClient());
      const opened = await client;
      return await questions.run(() => opened.ask(name, type));
    },
    async lookUp(name) {
      await lookups.take();
      let asked: Promise<unknown> = Promise.resolve();
      const counted: Lookup = (wanted) => {
        const found = lookup(wanted);
        asked = found.then(() => {}, () => {});
        return found;
      };
      try {
        return await resolveName(name, { lookup: counted });
      } catch (error) {
        if (!(error instanceof AddressError)) throw error;
        return error.reason || UNKNOWN_NAME;
      } finally {
        void asked.then(() => lookups.release());
      }
    },
  };
}

/** Makes a {@link HostAsker}. */
export function newHostAsker(parts: AskerParts = {}): HostAsker {
  const { lookUp, askDns } = openSources(parts);

  /** The lowest time to live of the addresses of a name. */
  async function ttlOf(name: string): Promise<number | undefined> {
    const answers = await Promise.all([askDns(name, "A"), askDns(name, "AAAA")]);
    const known = answers.flatMap((one) => one.kind === "records" ? [one.ttlS] : []);
    return known.length === 0 ? undefined : Math.min(...known);
  }

  /**
   * Former addresses that are missing because DNS answers only one of the questions for IPv4 and
   * IPv6: the system's resolver does not report that. If DNS answers neither, the addresses are not
   * from there, for example from /etc/hosts, and complete.
   */
  async function unanswered(
    name: string,
    { before, found }: { before: readonly Ip[]; found: readonly Ip[] },
  ): Promise<readonly Ip[]> {
    const missing = before.filter((one) => !found.some(({ length }) => length === one.length));
    const [first] = missing;
    if (first === undefined) return [];
    const types = first.length === 4 ? ["A", "AAAA"] as const : ["AAAA", "A"] as const;
    const [lost, other] = await Promise.all(types.map((type) => askDns(name, type)));
    const isLost = lost?.kind === "failed" && !lost.isAbsent;
    return isLost && other?.kind === "records" ? missing : [];
  }

  async function askName(
    name: string,
    { ttl, ipLength, before = [] }: AskOptions,
  ): Promise<HostAnswer> {
    // First the time to live, so that the addresses are at least as new.
    const ttlS = ttl ? await within(ttlOf(name), TTL_MS) : undefined;
    const found = await lookUp(name);
    if (typeof found === "string") return { failure: found };
    const kept = await unanswered(name, { before, found });
    const addresses = [...found, ...kept].filter(({ length }) => length === (ipLength ?? length));
    if (addresses.length > 0) return { addresses, targets: [], ttlS };
    return { failure: `no IPv${ipLength === 4 ? 4 : 6} address, which -B needs` };
  }

  async function askService(name: string, how: AskOptions): Promise<HostAnswer> {
    const answer = await askDns(name, "SRV");
    if (answer.kind === "failed") return { failure: answer.reason };
    const names = [...new Set(answer.services.map(({ target }) => target))];
    const hosts = new Map(
      await Promise.all(names.map(async (one) => [one, await askName(one, how)] as const)),
    );
    let ttlS = answer.ttlS;
    const targets = answer.services.map((service): ServiceTarget => {
      const host = hosts.get(service.target);
      if (host === undefined || "failure" in host) return { ...service, addresses: [] };
      ttlS = Math.min(ttlS, host.ttlS ?? Infinity);
      return { ...service, addresses: host.addresses };
    });
    if (targets.every(({ target }) => target === "")) return { failure: "no such service" };
    return { addresses: [], targets, ttlS };
  }

  return {
    async ask({ kind, name }, how) {
      try {
        return await (kind === "service" ? askService(name, how) : askName(name, how));
      } catch (error) {
        return { failure: messageOf(error) };
      }
    },
  };
}
