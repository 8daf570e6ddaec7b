/** Checks of the operands: the port and the channels. Pure. */

import { splitAttributes } from "../address/channel_spec.ts";
import { type HostForm, hostForm } from "../address/host_form.ts";
import { splitHost } from "../address/host_port.ts";
import { parseChannelText } from "../base/connection_info.ts";
import { UsageError, withName } from "../base/errors.ts";
import type { Arguments } from "./arguments.ts";
import type { Mode } from "./mode.ts";
import { wrongUsage } from "./usage_error.ts";

/**
 * Checks their number: every mode that does not just print needs a port; only `balance` takes
 * channels.
 *
 * @throws {UsageError} If there are too few or too many.
 */
export function checkOperands(mode: Mode, { flags, operands, values }: Arguments): void {
  if (flags.has("json") && mode !== "list") throw wrongUsage("--json needs --list");
  if (mode === "list" && operands.length > 0) {
    throw wrongUsage(`too many arguments [${operands.join(" ")}]: --list takes none`);
  }
  if (mode !== "balance" && mode !== "shell" && mode !== "command") return;
  const [port, ...more] = operands;
  if (port === undefined) throw wrongUsage(missing[mode]);
  if (mode === "balance" || more.length === 0) return;
  if (mode === "shell") {
    throw wrongUsage(`too many arguments [${more.join(" ")}]: -i takes only a port`);
  }
  // The usual mistake is a command with arguments but without quotes: -c disable 1 8080.
  const last = more.pop() ?? "";
  const words = [values.get("c"), port, ...more].join(" ");
  throw wrongUsage(
    `too many arguments [${operands.join(" ")}]: -c takes one command and a port`,
    /^\d+$/.test(last) ? ` (the command needs quotes: -c "${words}" ${last})` : undefined,
  );
}

const missing = {
  balance: "the port is missing",
  shell: "-i needs the port of a running balance",
  command: "-c needs the port of a running balance",
} as const;

/**
 * Checks that the channel of `--dump-channel` exists.
 *
 * @param text Its value, already known to be `GROUP.CHANNEL`.
 * @param operands The channels and separators.
 * @throws {UsageError} If it does not exist; the message names those that do.
 */
export function checkDumpChannel(text: string | undefined, operands: readonly string[]): void {
  const wanted = text === undefined ? undefined : parseChannelText(text);
  if (wanted === undefined) return;
  const sizes = groupSizes(operands);
  const size = sizes[wanted.group];
  if (size !== undefined && wanted.channel < size) return;
  // How many channels there are is not known yet.
  if (operands.some((one) => ["all", "service"].includes(formOf(one)))) return;
  const valid = existing(sizes, wanted.group);
  throw new UsageError(withName(`invalid --dump-channel [${text}]: no such channel, ${valid}`));
}

/**
 * Checks that a group of `--schedule` exists.
 *
 * @param name Its schedule.
 * @param operands The channels and separators.
 * @throws {UsageError} If it does not exist; the message names those that do.
 */
export function checkScheduledGroup(
  group: number,
  name: string,
  operands: readonly string[],
): void {
  const sizes = groupSizes(operands);
  // SRV records may add groups.
  if (sizes[group] !== undefined || operands.some((one) => formOf(one) === "service")) return;
  const text = `${group}=${name}`, valid = existing(sizes, group);
  throw new UsageError(withName(`invalid --schedule [${text}]: no such group, ${valid}`));
}

/** What the host of a channel stands for. */
function formOf(operand: string): HostForm["kind"] {
  return hostForm(splitHost(splitAttributes(operand).address)?.host ?? "").kind;
}

/** Which channels exist, as far as that explains that one of `group` does not. */
function existing(sizes: readonly number[], group: number): string {
  const size = sizes[group];
  if (sizes.length === 0) return "no channels are given";
  if (size === 1) return `the only channel of group ${group} is ${group}.0`;
  if (size !== undefined) {
    return `group ${group} has the channels ${group}.0 to ${group}.${size - 1}`;
  }
  return sizes.length === 1 ? "the only group is 0" : `the groups are 0 to ${sizes.length - 1}`;
}

/** How many channels each group has. */
function groupSizes(operands: readonly string[]): number[] {
  const sizes = [0];
  for (const word of operands) {
    if (word === "!" || word === "%") sizes.push(0);
    else sizes[sizes.length - 1]!++;
  }
  return sizes.at(-1) === 0 ? sizes.slice(0, -1) : sizes;
}
