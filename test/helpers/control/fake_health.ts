import type { ChannelAttributes } from "../../../lib/check/channel_attributes.ts";
import type { CheckStatus, HealthControl } from "../../../lib/check/check_status.ts";

/** Health checks that only record what commands ask for. */
export interface FakeHealth extends HealthControl {
  readonly calls: readonly string[];
  /** What `checks` shows, by channel as in `0.1`. */
  readonly statuses: Record<string, Partial<CheckStatus>>;
}

/** @param options `mayExec`: whether checks may run programs. */
export function fakeHealth({ mayExec = false } = {}): FakeHealth {
  const calls: string[] = [], statuses: FakeHealth["statuses"] = {};
  const described = ({ weight, check, checkPort }: ChannelAttributes) =>
    JSON.stringify({ weight, check: check?.text, checkPort });
  return {
    mayExec,
    calls,
    statuses,
    check(group, channel) {
      const status = statuses[`${group}.${channel}`];
      return status && {
        spec: "tcp",
        health: "unknown",
        sinceMs: Date.now(),
        rise: { count: 0, of: 2 },
        fall: { count: 0, of: 3 },
        caution: "none",
        ...status,
      };
    },
    attributes: () => undefined,
    setCheck(group, channel, spec) {
      calls.push(`${group}.${channel} check ${spec?.text ?? "default"}`);
      statuses[`${group}.${channel}`] = { spec: spec?.text ?? "http:/" };
    },
    created: (group, channel, attributes) =>
      void calls.push(`${group}.${channel} created ${described(attributes)}`),
    changed: (group, channel) => void calls.push(`${group}.${channel} changed`),
    look() {},
  };
}
