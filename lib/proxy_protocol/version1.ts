import { formatIp, parseIpv6, unmapped } from "../address/ip.ts";
import type { Endpoint } from "../base/endpoint.ts";
import type { HeaderFault, ProxiedConnection } from "./header.ts";

/** Section 2.1: no leading zeros, "to avoid any possible confusion with octal numbers". */
const DECIMAL = /^(?:0|[1-9]\d{0,4})$/;
const DOTTED_QUAD = /^(?:(?:0|[1-9]\d{0,2})\.){3}(?:0|[1-9]\d{0,2})$/;

/**
 * Parses the words of a header of version 1. Pure.
 *
 * @param words What is between `PROXY ` and CRLF.
 * @returns `undefined` for `UNKNOWN`.
 */
export function parseVersion1(words: string): ProxiedConnection | HeaderFault | undefined {
  const [family = "", from, to, fromPort, toPort, more] = words.split(" ");
  // "The receiver must ignore anything presented before the CRLF".
  if (family === "UNKNOWN") return undefined;
  if (family !== "TCP4" && family !== "TCP6") return "bad_family";
  if (toPort === undefined || more !== undefined) return "bad_line";
  const address = family === "TCP4" ? v4 : v6;
  const client = endpoint(address(from!), fromPort!), listener = endpoint(address(to!), toPort);
  return client && listener ? { client, listener } : "bad_address";
}

function v4(text: string): string | undefined {
  return DOTTED_QUAD.test(text) && text.split(".").every((part) => Number(part) <= 255)
    ? text
    : undefined;
}

function v6(text: string): string | undefined {
  const bytes = parseIpv6(text);
  return bytes && formatIp(unmapped(bytes));
}

function endpoint(address: string | undefined, port: string): Endpoint | undefined {
  const number = DECIMAL.test(port) ? Number(port) : Infinity;
  return address === undefined || number > 0xffff ? undefined : { address, port: number };
}
