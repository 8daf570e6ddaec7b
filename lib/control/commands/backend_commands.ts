/** Commands about the weights and the health checks of channels. */

import { channelText } from "../../base/connection_info.ts";
import { printable } from "../../base/printable.ts";
import type { CheckStatus } from "../../check/check_status.ts";
import { CHECK_STARTS, type CheckSpec, parseCheckSpec } from "../../check/spec.ts";
import { SpecError } from "../../check/spec_error.ts";
import { formatEndpoint } from "../../address/host_port.ts";
import { channelRecords } from "../../table/channel_record.ts";
import { MAX_WEIGHT } from "../../table/states.ts";
import { shortDuration } from "../top/short_duration.ts";
import { type Command, CommandError, type ControlContext, message, usageError } from "./command.ts";
import { readChannel } from "./numbers.ts";
import { type Column, textTable } from "../text/text_table.ts";

/** The word for the check of the option `--check`. */
const DEFAULT_CHECK = "default";

export const WEIGHT: Command = {
  name: "weight",
  args: ["<channel>", "<weight>"],
  newer: true,
  help: `share of the connections of a group, 0 to ${MAX_WEIGHT}`,
  changes: true,
  run: ({ table, state }, session, [text = "", wanted = ""]) => {
    const { group, channel } = readChannel(table, session.group, { text });
    const weight = /^\d{1,3}$/.test(wanted) ? Number(wanted) : Infinity;
    if (weight > MAX_WEIGHT) {
      throw new CommandError(`invalid weight [${wanted}]: not a number from 0 to ${MAX_WEIGHT}`);
    }
    table.setWeight(group, channel, weight);
    state.note(group, channel, { weight });
    return message(`weight of channel ${channelText({ group, channel })} changed to ${weight}`);
  },
};

export const CHECK: Command = {
  name: "check",
  args: ["<channel>", "<check>"],
  newer: true,
  quotes: true,
  next: (words) =>
    words.length === 0
      ? ["<channel>"]
      : words.length === 1
      ? [...CHECK_STARTS, "none", DEFAULT_CHECK]
      : [],
  help: "change the health check of a channel",
  changes: true,
  run: (context, session, [text = "", spec = ""]) => {
    const { group, channel } = readChannel(context.table, session.group, { text });
    const { health } = context;
    const check = spec === DEFAULT_CHECK ? undefined : fromSpec(() => parseCheckSpec(spec));
    mustBeAllowed(context, check);
    health.setCheck(group, channel, check);
    context.state.note(group, channel, { check: spec });
    const now = printable(health.check(group, channel)?.spec ?? spec);
    return message(`check of channel ${channelText({ group, channel })} changed to ${now}`);
  },
};

export const CHECKS: Command = {
  name: "checks",
  args: [],
  optional: "[--json]",
  words: { max: 1 },
  newer: true,
  next: (words) => words.length === 0 ? ["--json"] : [],
  help: "show the health of all channels",
  run: (context, _session, [form]) => {
    if (form !== undefined && form !== "--json") throw usageError(CHECKS);
    const rows = checkRows(context);
    return {
      text: form === "--json" ? `${JSON.stringify(rows)}\n` : textTable(rows, columns(Date.now())),
    };
  },
};

/**
 * Turns the reason why a check or an attribute cannot work into that of the command.
 *
 * @throws {CommandError}
 */
export function fromSpec<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw error instanceof SpecError ? new CommandError(printable(error.message)) : error;
  }
}

/**
 * Refuses a check that runs a program, unless the program was started with one: it has given up the
 * permission.
 *
 * @throws {CommandError}
 */
export function mustBeAllowed({ health }: ControlContext, check: CheckSpec | undefined): void {
  if (check?.kind !== "exec" || health.mayExec) return;
  throw new CommandError(
    `check [${printable(check.text)}] is not allowed: balance was started without an exec check`,
  );
}

/** A channel and what is known about its health. */
interface CheckRow extends CheckStatus {
  readonly group: number;
  readonly channel: number;
  readonly address: string;
  readonly port: number;
  readonly weight: number;
  /** During a slow start, or if an agent asks for it, less than the weight. */
  readonly effectiveWeight: number;
}

function checkRows({ table, health }: ControlContext): CheckRow[] {
  return channelRecords(table).flatMap(({ group, channel, address, port, weight }) => {
    const status = health.check(group, channel);
    if (status === undefined) return [];
    const effectiveWeight = table.effectiveWeight(group, channel) / 100;
    return [{ group, channel, address, port, ...status, weight, effectiveWeight }];
  });
}

/** The columns of `checks`. @param nowMs Milliseconds since 1970. */
function columns(nowMs: number): Column<CheckRow>[] {
  const since = (ms: number) => shortDuration(Math.max(0, nowMs - ms));
  return [
    ["channel", (row) => channelText(row)!],
    ["address", formatEndpoint, "left"],
    ["check", ({ spec }) => printable(spec), "left"],
    [
      "health",
      ({ health, caution }) => caution === "none" ? health : `${health}, ${caution}`,
      "left",
    ],
    ["since", ({ sinceMs }) => since(sinceMs)],
    ["next", ({ nextInMs }) => nextInMs === undefined ? "-" : `${(nextInMs / 1000).toFixed(1)}s`],
    ["ago", ({ last }) => last === undefined ? "-" : since(last.atMs)],
    ["weight", weightText],
    ["last result", lastText, "left"],
  ];
}

/** For example `4`, or `0.4/4` during a slow start. */
function weightText({ weight, effectiveWeight }: CheckRow): string {
  return effectiveWeight === weight ? `${weight}` : `${effectiveWeight}/${weight}`;
}

/** For example `HTTP 503 in 12 ms (2 of 3 failures)`. */
function lastText({ last, health, rise, fall }: CheckRow): string {
  if (last === undefined) return "-";
  const toward = !last.ok && health !== "down"
    ? ` (${fall.count} of ${fall.of} failures)`
    : last.ok && health === "down"
    ? ` (${rise.count} of ${rise.of} successes)`
    : "";
  return `${printable(last.text)} in ${Math.round(last.ms)} ms${toward}`;
}
