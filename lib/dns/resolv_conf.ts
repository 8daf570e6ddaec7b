/** `/etc/resolv.conf`, see resolv.conf(5). Pure. */

import { strictInteger } from "../base/integers.ts";
import { parsePeerIp } from "../address/ip.ts";

/** The settings in the file. A plain record. */
export interface ResolvConf {
  /** Addresses of servers, at most three, in the order in which they are asked. */
  readonly servers: readonly string[];
  /** Domains for names with few dots, without a dot at the end. */
  readonly search: readonly string[];
  /** A name with at least this many dots is asked for as it is first. */
  readonly ndots: number;
  /** Milliseconds to wait for an answer of one server. */
  readonly timeoutMs: number;
  /** How often all servers are asked. */
  readonly attempts: number;
}

/** Limits of glibc: MAXNS, RES_MAXNDOTS, RES_MAXRETRANS, RES_MAXRETRY; its search list has none. */
const MAX_SERVERS = 3, MAX_NDOTS = 15, MAX_TIMEOUT_S = 30, MAX_ATTEMPTS = 5, MAX_SEARCH = 16;

/** Where there is no file, or no server in it. */
const LOCAL_SERVER = "127.0.0.1";

/**
 * Parses the file. What is not understood is ignored, as in resolv.conf(5): the last `domain` or
 * `search` counts, and values above the limits of the C library are lowered to them.
 */
export function parseResolvConf(text: string): ResolvConf {
  const servers: string[] = [];
  let search: readonly string[] = [], ndots = 1, timeoutS = 5, attempts = 2;
  for (const line of text.split("\n")) {
    const [keyword = "", ...words] = line.trim().split(/\s+/);
    if (/^[#;]/.test(keyword)) continue;
    const [first = ""] = words;
    if (keyword === "nameserver") {
      if (parsePeerIp(first) !== undefined) servers.push(first);
    } else if (keyword === "domain" || keyword === "search") {
      search = words.map((word) => word.replace(/\.$/, "")).filter((word) => word !== "");
    } else if (keyword === "options") {
      for (const word of words) {
        const [name = "", value = ""] = word.split(":");
        const number = strictInteger(value, { min: 0, max: 2 ** 31 });
        if (number === undefined) continue;
        if (name === "ndots") ndots = Math.min(number, MAX_NDOTS);
        if (name === "timeout") timeoutS = Math.min(Math.max(1, number), MAX_TIMEOUT_S);
        if (name === "attempts") attempts = Math.min(Math.max(1, number), MAX_ATTEMPTS);
      }
    }
  }
  return {
    servers: servers.length === 0 ? [LOCAL_SERVER] : servers.slice(0, MAX_SERVERS),
    search: search.slice(0, MAX_SEARCH),
    ndots,
    timeoutMs: timeoutS * 1000,
    attempts,
  };
}

/**
 * The names to ask for, in order, none with a dot at its end: the name itself, and the name in each
 * domain of `search`. A name that ends with a dot is asked for only as it is.
 */
export function searchedNames(
  name: string,
  { search, ndots }: Pick<ResolvConf, "search" | "ndots">,
): string[] {
  if (name.endsWith(".")) return [name.slice(0, -1)];
  const longer = search.map((domain) => `${name}.${domain}`);
  return name.split(".").length - 1 >= ndots ? [name, ...longer] : [...longer, name];
}
