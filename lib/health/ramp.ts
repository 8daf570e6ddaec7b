import type { Table } from "../table/table.ts";
import type { ChannelCheck } from "./channel_check.ts";

/** Gives a channel the part of its weight that its slow start and its agent leave to it. */
export function applyRamp(table: Table, check: ChannelCheck): void {
  const { group, channel, rampPercent, agentPercent } = check;
  const part = rampPercent * agentPercent / 100;
  const percent = part === 0 ? 0 : Math.max(1, Math.round(part));
  if (table.ramp(group, channel) !== percent) table.setRamp(group, channel, percent);
}
