import { assert, assertThrows } from "@std/assert";
import { UsageError } from "../../../lib/base/errors.ts";

/** Asserts that each value is refused with a message that names it. */
export function assertRefused(parse: (text: string) => unknown, values: readonly string[]): void {
  for (const value of values) {
    const error = assertThrows(() => parse(value), UsageError);
    assert(error.message.includes(`[${value}]`), `${value}: ${error.message}`);
  }
}
