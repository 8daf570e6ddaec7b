/**
 * A DNS client for what the system's resolver does not return: SRV records, and times to live. It
 * follows `/etc/resolv.conf`: servers, timeout, attempts, `search` and `ndots`.
 */

import { askServer } from "./exchange.ts";
import type { DnsReply, RecordType } from "./message.ts";
import { parseResolvConf, type ResolvConf, searchedNames } from "./resolv_conf.ts";

/** What a name has. */
export type DnsAnswer =
  | Extract<DnsReply, { kind: "records" }>
  /**
   * `NXDOMAIN`, `no A records`, `SERVFAIL`, `no answer`, ... `isAbsent`: the servers know that there
   * are no such records.
   */
  | { readonly kind: "failed"; readonly reason: string; readonly isAbsent: boolean };

/** Asks for records. */
export interface DnsClient {
  /** Asks the servers in turn, for the name and then for the name in the domains of `search`. */
  ask(name: string, type: RecordType): Promise<DnsAnswer>;
}

/** Aliases that are followed, each with another question. */
const MAX_QUESTIONS = 8;

/** Milliseconds for which the file counts as unchanged. */
const REREAD_MS = 1000;

/** @param options `path` and `port` differ in tests only. */
export function openDnsClient(
  { path = "/etc/resolv.conf", port = 53 }: { path?: string; port?: number } = {},
): DnsClient {
  let conf = parseResolvConf(""), readAt = -Infinity;

  async function current(): Promise<ResolvConf> {
    if (performance.now() - readAt < REREAD_MS) return conf;
    readAt = performance.now();
    conf = parseResolvConf(await Deno.readTextFile(path).catch(() => ""));
    return conf;
  }

  /** Asks for one name. Resolves to `undefined` if no server gives a usable answer. */
  async function askAll(
    name: string,
    { type, conf }: { type: RecordType; conf: ResolvConf },
  ): Promise<DnsReply | undefined> {
    let failed: DnsReply | undefined;
    for (let attempt = 0; attempt < conf.attempts; attempt++) {
      for (const address of conf.servers) {
        const question = { id: randomId(), name, type };
        const reply = await askServer({ address, port }, question, conf.timeoutMs);
        if (reply !== undefined && reply.kind !== "failed") return reply;
        failed ??= reply;
      }
      // Like the C library: a server that has answered is not asked again.
      if (failed !== undefined) return failed;
    }
    return undefined;
  }

  /** Asks for one name and follows its aliases. */
  async function follow(
    name: string,
    how: { type: RecordType; conf: ResolvConf },
  ): Promise<DnsReply | undefined> {
    let ttlS = Infinity;
    for (let wanted = name, questions = 0; questions < MAX_QUESTIONS; questions++) {
      const reply = await askAll(wanted, how);
      if (reply?.kind === "records") return { ...reply, ttlS: Math.min(ttlS, reply.ttlS) };
      if (reply?.kind !== "alias" || reply.name === wanted) return reply;
      ttlS = Math.min(ttlS, reply.ttlS);
      wanted = reply.name;
    }
    return { kind: "failed", code: "too many aliases" };
  }

  return {
    async ask(name, type) {
      const conf = await current();
      let exists = false, code: string | undefined;
      for (const one of searchedNames(name, conf)) {
        if (one.length > 253) continue;
        const reply = await follow(one, { type, conf });
        if (reply?.kind === "records") return reply;
        if (reply === undefined) return { kind: "failed", reason: "no answer", isAbsent: false };
        if (reply.kind === "failed") code ??= reply.code;
        exists ||= reply.kind !== "none" || reply.exists;
      }
      const reason = code ?? (exists ? `no ${type} records` : "NXDOMAIN");
      return { kind: "failed", reason, isAbsent: code === undefined };
    },
  };
}

function randomId(): number {
  return crypto.getRandomValues(new Uint16Array(1))[0]!;
}
