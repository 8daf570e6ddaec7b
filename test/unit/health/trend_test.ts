import { assertEquals } from "@std/assert";
import { healthOf, isChanging, nextTrend, NO_TREND } from "../../../lib/health/trend.ts";
import type { ChannelHealth } from "../../../lib/table/states.ts";
import { t } from "../../helpers/t.ts";

const PURE = { permissions: "none" } as const;

/**
 * Plays results (`+` and `-`) and returns the health after each (`u` up, `d` down, `?` unknown), in
 * upper case while it is about to change.
 */
function play(results: string, settings = { rise: 2, fall: 3 }): string {
  let trend = NO_TREND, health: ChannelHealth = "unknown";
  return [...results].map((result) => {
    trend = nextTrend(trend, result === "+");
    health = healthOf(trend, health, settings) ?? health;
    const letter = { up: "u", down: "d", unknown: "?" }[health];
    return isChanging(trend, health) ? letter.toUpperCase() : letter;
  }).join("");
}

t("the very first result decides at once", () => {
  assertEquals(play("+"), "u");
  assertEquals(play("-"), "d");
}, PURE);

t("after the first result, it takes fall failures and rise successes in a row", () => {
  assertEquals(play("+---"), "uUUd");
  assertEquals(play("---++"), "dddDu");
  assertEquals(play("+--+--+---"), "uUUuUUuUUd");
  assertEquals(play("-+-+-++"), "dDdDdDu");
}, PURE);

t("with rise and fall of 1 each result decides, so nothing is ever about to change", () => {
  assertEquals(play("+-+-", { rise: 1, fall: 1 }), "udud");
}, PURE);
