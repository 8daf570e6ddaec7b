import { areAllDown } from "../table/counts.ts";
import type { ChannelState } from "../table/states.ts";
import type { Table } from "../table/table.ts";
import { type ChannelCheck, nameOf } from "./channel_check.ts";

/** The lines for the operator, at most one per change. */
export interface ChangeLines {
  /**
   * A channel came up or went down, or its agent has changed its administrative state.
   *
   * @param why For example `connected (2 of 2 checks)`.
   */
  changed(check: ChannelCheck, to: "up" | "down" | ChannelState, why: string): void;
  /** Reports whether all channels are down, if that has changed. */
  lookAtAll(): void;
}

/** Makes {@link ChangeLines}. @param notice Prints a line. */
export function changeLines(table: Table, notice: (line: string) => void): ChangeLines {
  let wereAllDown = false;
  return {
    changed: (check, to, why) => notice(`${nameOf(table, check)} is ${to}: ${why}`),
    lookAtAll() {
      const allDown = areAllDown(table);
      if (allDown === undefined || allDown === wereAllDown) return;
      wereAllDown = allDown;
      notice(allDown ? "all channels are down" : "a channel is available again");
    },
  };
}
