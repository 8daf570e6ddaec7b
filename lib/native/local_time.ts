import { cLibrary } from "./c_library.ts";
import { fixed } from "./memory.ts";

/** A local time, as in `struct tm`. */
export interface LocalTime {
  /** For example 2026. */
  readonly year: number;
  /** 0 is January. */
  readonly month: number;
  /** Day of the month from 1. */
  readonly day: number;
  readonly hours: number;
  readonly minutes: number;
  readonly seconds: number;
}

let zoneIsSet = false;

/**
 * The local time of a moment, by the rules of the C library: it knows all forms of `$TZ`, such as
 * `CET-1CEST,M3.5.0,M10.5.0/3`, which JavaScript takes for UTC.
 */
export function localParts(date: Date): LocalTime {
  return partsOfC(date) ?? {
    year: date.getFullYear(),
    month: date.getMonth(),
    day: date.getDate(),
    hours: date.getHours(),
    minutes: date.getMinutes(),
    seconds: date.getSeconds(),
  };
}

function partsOfC(date: Date): LocalTime | undefined {
  const c = cLibrary();
  if (c === undefined) return undefined;
  if (!zoneIsSet) c.tzset();
  zoneIsSet = true;
  const time = new BigInt64Array([BigInt(Math.floor(date.getTime() / 1000))]);
  const parts = new Int32Array(fixed(256).buffer); // struct tm
  if (c.localtime_r(time, parts) === 0n) return undefined;
  const [seconds = 0, minutes = 0, hours = 0, day = 0, month = 0, yearsSince1900 = 0] = parts;
  return { year: 1900 + yearsSince1900, month, day, hours, minutes, seconds };
}
