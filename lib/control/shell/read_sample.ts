import { parsePrintableJson } from "../../base/printable.ts";
import type { Answer } from "../framed_session.ts";
import type { TopSample } from "../top/sample.ts";

/** The sample in an answer to `top --json`; `undefined` if it has none, as from another release. */
export function readSample({ failed, text }: Answer): TopSample | undefined {
  if (failed) return undefined;
  try {
    const sample = parsePrintableJson(text);
    const { channels, states, connections } = sample;
    return [channels, connections].every(isListOfObjects) && isObject(states) ? sample : undefined;
  } catch {
    return undefined;
  }
}

function isListOfObjects(value: unknown): boolean {
  return Array.isArray(value) && value.every(isObject);
}

function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null;
}
