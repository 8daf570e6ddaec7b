import type { ScheduleName } from "../table/states.ts";
import { CONSISTENT } from "./consistent.ts";
import { FIRST } from "./first.ts";
import { HASH } from "./hash.ts";
import { LEAST } from "./least.ts";
import { randomSchedule } from "./random.ts";
import { ROUND_ROBIN } from "./round_robin.ts";
import type { Schedule } from "./schedule.ts";

/** The schedule for each name. */
export const SCHEDULES: Readonly<Record<ScheduleName, Schedule>> = {
  rr: ROUND_ROBIN,
  hash: HASH,
  least: LEAST,
  random: randomSchedule(),
  first: FIRST,
  consistent: CONSISTENT,
};
