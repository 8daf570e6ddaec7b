import { messageOf } from "../../../lib/base/errors.ts";
import { binderOf } from "../../../lib/engine/engines.ts";
import type { EngineName } from "../../../lib/engine/names.ts";

/** Why an engine cannot run on this machine; `undefined` if it can. */
export function whyNot(engine: EngineName): string | undefined {
  try {
    binderOf(engine);
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}
