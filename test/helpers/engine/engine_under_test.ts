import type { Engine } from "../../../lib/engine/engine.ts";
import { openEngine } from "../../../lib/engine/engines.ts";
import { ENGINE } from "../program/program.ts";

/** The engine that BALANCE_TEST_ENGINE names, in the isolate of the test. */
export const engineUnderTest: Engine = openEngine(ENGINE, { isShared: true });
