/** Warnings about command lines that are accepted but probably not meant like this. Pure. */

import { splitHost } from "../address/host_port.ts";
import { formatIp, parseIpv4 } from "../address/ip.ts";
import { withName } from "../base/errors.ts";
import { counted, lenientInteger, strictInteger } from "../base/integers.ts";
import { printable, shortened } from "../base/printable.ts";
import type { Arguments } from "./arguments.ts";
import type { Mode } from "./mode.ts";

/** Modes that serve nothing, and the long options that they heed. */
const HEEDED: Readonly<Record<string, { option: string; names: readonly string[] }>> = {
  command: { option: "-c", names: ["strict"] },
  shell: { option: "-i", names: [] },
  list: { option: "--list", names: ["list", "json"] },
};

/**
 * What the operator should know about a valid command line.
 *
 * @returns One sentence each, without a newline; usually none.
 */
export function warningsOf(mode: Mode, args: Arguments): string[] {
  if (mode === "balance") {
    return [...optionWarnings(args), ...channelWarnings(args.operands.slice(1))];
  }
  const heeded = HEEDED[mode];
  if (heeded === undefined) return [];
  // Options of 3.35 are ignored without a warning, as there.
  return [...args.flags, ...args.values.keys()]
    .filter((name) => name.length > 1 && !heeded.names.includes(name))
    .map((name) => `--${name} has no effect with ${heeded.option}`);
}

/** The warnings as they are printed, without a newline. Arguments in them are escaped. */
export function warningLines({ warnings }: { warnings: readonly string[] }): string[] {
  return warnings.map((text) => withName(`warning: ${printable(shortened(text))}`));
}

function optionWarnings({ flags, values }: Arguments): string[] {
  const warnings: string[] = [];
  if (flags.has("strict")) warnings.push("--strict has no effect without -c");
  const listen = values.get("b");
  if (flags.has("6") && listen !== undefined && parseIpv4(listen) !== undefined) {
    warnings.push(`-6 has no effect with -b ${listen}`);
  }
  for (const name of ["b", "B"]) {
    const address = bareNumber(values.get(name) ?? "");
    if (address !== undefined) {
      warnings.push(`-${name} [${values.get(name)}] is the address ${address}`);
    }
  }
  for (const name of ["t", "T"]) {
    const text = values.get(name);
    if (text === undefined) continue;
    const seconds = lenientInteger(text);
    if (strictInteger(text, { min: seconds, max: seconds }) !== undefined) continue;
    warnings.push(`-${name} [${text}] is read as ${counted(seconds, "second")}`);
  }
  return warnings;
}

function channelWarnings(operands: readonly string[]): string[] {
  if (operands.length === 0) {
    return ["no channels given, clients are disconnected until one is created"];
  }
  return operands.flatMap((text, i) => {
    const parts = splitHost(text);
    if (parts === undefined || parts.host === "") return [];
    const [, maxc = "", ...more] = parts.rest?.split(":") ?? [];
    const warnings: string[] = [];
    const address = bareNumber(parts.host);
    if (address !== undefined && !parts.bracketed) {
      const before = operands[i - 1] ?? "HOST";
      const host = /[:!%]/.test(before) ? "HOST" : before;
      warnings.push(
        `channel [${text}] is the address ${address}, not a port; ` +
          `a colon precedes the port: ${host}:${text}`,
      );
    }
    const limit = strictInteger(maxc, { min: -Infinity, max: Infinity });
    if (limit !== undefined && limit < 0) {
      warnings.push(`channel [${text}]: maxc ${limit} allows no connections; 0 means no limit`);
    }
    if (more.length > 0) {
      warnings.push(`channel [${text}]: [:${more.join(":")}] is ignored, nothing follows maxc`);
    }
    return warnings;
  });
}

/** The address that a number without dots is, if it could also be meant as a port. */
function bareNumber(host: string): string | undefined {
  if (!/^[1-9]\d{0,4}$/.test(host)) return undefined;
  const address = parseIpv4(host);
  return address && formatIp(address);
}
