import { ATTRIBUTE_KEYS } from "../address/channel_spec.ts";
import { closest } from "../address/closest.ts";
import { suggestion } from "../address/faults.ts";
import { parseSendProxy, SEND_PROXY_FAULT, type SendProxy } from "../proxy_protocol/send_proxy.ts";
import { MAX_WEIGHT } from "../table/states.ts";
import { type CheckSpec, parseCheckSpec, parseProbedPort } from "./spec.ts";
import { SpecError } from "./spec_error.ts";

/** What `,key=value` after a channel sets; what is absent has its default. */
export interface ChannelAttributes {
  /** 0 to 256. */
  readonly weight?: number;
  readonly check?: CheckSpec;
  /** The port to probe, 1 to 65535, instead of that of the channel. */
  readonly checkPort?: number;
  /** The PROXY header that the backend gets. */
  readonly sendProxy?: SendProxy;
}

/** The check of a channel: its own, or else that of `--check`; `undefined` for none. */
export function checkOf(
  { check: own }: ChannelAttributes,
  common: CheckSpec | undefined,
): CheckSpec | undefined {
  const check = own ?? common;
  return check?.kind === "none" ? undefined : check;
}

/**
 * Parses the attributes of a channel.
 *
 * @param pairs Each one as `key=value`.
 * @throws {SpecError} If a key is unknown or given twice, or a value is invalid.
 */
export function parseChannelAttributes(pairs: readonly string[]): ChannelAttributes {
  const found = new Map<string, string>();
  for (const pair of pairs) {
    const [, key = "", value] = /^([^=]*)=(.*)$/s.exec(pair) ?? [];
    if (value === undefined) throw invalid(pair, "an attribute is KEY=VALUE");
    if (!ATTRIBUTE_KEYS.includes(key)) {
      throw invalid(pair, `unknown key${suggestion(closest(key, ATTRIBUTE_KEYS)) || known()}`);
    }
    if (found.has(key)) throw invalid(pair, `${key} is given twice`);
    found.set(key, value);
  }
  const weight = found.get("weight"), check = found.get("check"), port = found.get("check-port");
  const sendProxy = found.get("send-proxy");
  return {
    ...(weight === undefined ? {} : { weight: parseWeight(weight) }),
    ...(check === undefined ? {} : { check: parseCheckSpec(check) }),
    ...(port === undefined ? {} : { checkPort: parseCheckPort(port) }),
    ...(sendProxy === undefined ? {} : { sendProxy: sendProxyValue(sendProxy) }),
  };
}

function known(): string {
  return `; known are ${ATTRIBUTE_KEYS.join(", ")}`;
}

function parseWeight(text: string): number {
  const weight = /^\d{1,3}$/.test(text) ? Number(text) : Infinity;
  if (weight <= MAX_WEIGHT) return weight;
  throw invalid(`weight=${text}`, `not a number from 0 to ${MAX_WEIGHT}`);
}

function parseCheckPort(text: string): number {
  try {
    return parseProbedPort(text);
  } catch {
    throw invalid(`check-port=${text}`, "not a number from 1 to 65535");
  }
}

function sendProxyValue(text: string): SendProxy {
  const found = parseSendProxy(text);
  if (found !== undefined) return found;
  throw invalid(`send-proxy=${text}`, SEND_PROXY_FAULT);
}

function invalid(pair: string, reason: string): SpecError {
  return new SpecError(`invalid attribute [${pair}]: ${reason}`);
}
