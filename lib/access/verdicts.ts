/**
 * Which of many address ranges decides about an address: compiled once, in memory that all workers
 * share, and looked up by binary search. The most specific range decides; in both lists, `deny`.
 */

import { parsePeerIp } from "../address/ip.ts";
import { comparePrefixes, type Prefixes, type PrefixSet } from "./prefixes.ts";
import { CODE_BITS, codeAt, NO_RANGE, type Spans, SpanWriter } from "./spans.ts";

/** What a range decides. */
export type Verdict = "allow" | "deny";

/** Compiled lists. Cloned to a worker, the memory is shared. */
export interface Verdicts {
  readonly v4: Spans;
  readonly v6: Spans;
}

/** What a range decides, in a code: `AS_OTHERS` as if no range contained the address. */
export const ALLOW = 0x100, DENY = 0x200, AS_OTHERS = 0x400;

/** An address in words, so that a lookup of an IPv4 address allocates nothing. */
const found = new Uint32Array(4);

/** Compiles two lists. */
export function compileVerdicts(
  { allow, deny }: { readonly allow: PrefixSet; readonly deny: PrefixSet },
): Verdicts {
  return { v4: spansOf(allow.v4, deny.v4), v6: spansOf(allow.v6, deny.v6) };
}

/**
 * What the most specific range decides that contains an address.
 *
 * @param address Text as in `Endpoint`; a scope is ignored.
 * @param changes Ranges that take precedence over those of the same size.
 * @returns `undefined` if no range contains it, or if it is not an address.
 */
export function verdictOf(
  verdicts: Verdicts,
  address: string,
  changes?: Verdicts,
): Verdict | undefined {
  const words = wordsOf(address);
  if (words === 0) return undefined;
  const key = words === 1 ? "v4" : "v6", code = codeAt(verdicts[key], found);
  return changes === undefined
    ? verdictIn(code)
    : verdictIn(moreSpecific(codeAt(changes[key], found), code));
}

function verdictIn(code: number): Verdict | undefined {
  if ((code & (ALLOW | DENY)) === 0) return undefined;
  return (code & DENY) !== 0 ? "deny" : "allow";
}

/** Of the codes of two ranges that contain an address, the one that decides. */
export function moreSpecific(change: number, configured: number): number {
  if (change === NO_RANGE) return configured;
  if (configured === NO_RANGE) return change;
  return (change & CODE_BITS) >= (configured & CODE_BITS) ? change : configured;
}

/** Reads an address to {@link found}. @returns How many words it has; 0 if it is invalid. */
function wordsOf(address: string): number {
  if (isDottedQuad(address)) return 1;
  const ip = parsePeerIp(address);
  if (ip === undefined) return 0;
  const view = new DataView(ip.buffer, ip.byteOffset, ip.byteLength);
  for (let at = 0; at < ip.length; at += 4) found[at / 4] = view.getUint32(at);
  return ip.length / 4;
}

/** Reads an IPv4 address as the system prints it to {@link found}. */
function isDottedQuad(text: string): boolean {
  let value = 0, part = 0, dots = 0;
  for (let i = 0; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 48;
    if (digit >= 0 && digit <= 9) part = part * 10 + digit;
    else if (text[i] === ".") {
      value = value * 256 + part;
      part = 0;
      dots++;
    } else return false;
  }
  found[0] = value * 256 + part;
  return dots === 3;
}

function spansOf(allow: Prefixes, deny: Prefixes): Spans {
  const { words } = allow, all = new SpanWriter(words, allow.bits.length + deny.bits.length);
  for (let i = 0, j = 0; i < allow.bits.length || j < deny.bits.length;) {
    const order = i === allow.bits.length
      ? 1
      : j === deny.bits.length
      ? -1
      : comparePrefixes(allow, i, deny, j);
    if (order < 0) all.add(allow, i, ALLOW);
    else all.add(deny, j, DENY);
    if (order <= 0) i++;
    if (order >= 0) j++;
  }
  return all.spans();
}
