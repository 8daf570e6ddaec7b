import type { AgentReply } from "../check/probe_result.ts";
import type { ChannelState } from "../table/states.ts";
import type { Table } from "../table/table.ts";
import type { ChannelCheck } from "./channel_check.ts";
import { applyRamp } from "./ramp.ts";

const STATES = { ready: "enabled", drain: "draining", maint: "disabled" } as const;

/**
 * Does what an agent asks for, besides the health. As in HAProxy, the last word counts: it also
 * undoes what an operator did.
 *
 * @returns The new administrative state if that has changed.
 */
export function applyAgent(
  table: Table,
  check: ChannelCheck,
  reply: AgentReply,
): ChannelState | undefined {
  const { group, channel } = check, { state, weightPercent, maxc } = reply;
  if (weightPercent !== undefined) {
    check.agentPercent = weightPercent;
    applyRamp(table, check);
  }
  if (maxc !== undefined && table.maxc(group, channel) !== maxc) {
    table.setMaxc(group, channel, maxc);
  }
  if (state === undefined) return undefined;
  return table.setState(group, channel, STATES[state]) ? STATES[state] : undefined;
}
