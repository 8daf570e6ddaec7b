import type { PassiveRules } from "../../../lib/schedule/verdict.ts";

/** The rules without `--passive` and `--wait`. */
export const DEFAULT_PASSIVE: PassiveRules = { suspects: true, failures: 0, rests: false };
