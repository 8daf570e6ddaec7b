import { assertEquals } from "@std/assert";
import { changeLines } from "../../../lib/health/change_lines.ts";
import { scheduleTable } from "../../helpers/schedule_table.ts";
import { t } from "../../helpers/t.ts";

/** A table with channels of these weights, and what is printed about all of them. */
function watched(...weights: number[]) {
  const table = scheduleTable("rr", weights), printed: string[] = [];
  const lines = changeLines(table, (line) => void printed.push(line));
  const look = () => {
    lines.lookAtAll();
    return printed.splice(0);
  };
  return { table, look };
}

const DOWN = ["all channels are down"], AGAIN = ["a channel is available again"];

t("a channel that is disabled or draining does not end the state all down", () => {
  const { table, look } = watched(1, 1);
  table.setHealth(0, 0, "down");
  assertEquals(look(), []);
  table.setHealth(0, 1, "down");
  assertEquals([look(), look()], [DOWN, []]);
  table.setState(0, 0, "draining");
  table.setState(0, 1, "disabled");
  assertEquals(look(), []);
  table.setHealth(0, 0, "up");
  table.setHealth(0, 1, "up");
  assertEquals(look(), []);
  table.setState(0, 1, "enabled");
  assertEquals(look(), AGAIN);
});

t("a channel with the weight 0 does not end the state all down", () => {
  const { table, look } = watched(1, 0);
  table.setHealth(0, 0, "down");
  assertEquals(look(), DOWN);
  table.setHealth(0, 1, "up");
  assertEquals(look(), []);
  table.setState(0, 0, "draining");
  assertEquals(look(), []);
  table.setWeight(0, 1, 1);
  table.setRamp(0, 1, 0);
  assertEquals(look(), []);
  table.setRamp(0, 1, 50);
  assertEquals(look(), AGAIN);
});

t("nothing is printed while no channel is enabled and has a weight", () => {
  const { table, look } = watched(0);
  table.setHealth(0, 0, "down");
  assertEquals(look(), []);
  table.setHealth(0, 0, "up");
  assertEquals(look(), []);
});
