/** Times of a dump: whole microseconds since 1970-01-01 UTC, and their texts. */

import { localParts } from "../../native/local_time.ts";

/** How far the fine clock may be from the system clock before it is adjusted, in milliseconds. */
const DRIFT_MS = 5;

let origin = performance.timeOrigin;

/** The system time in whole microseconds since 1970; `Date.now()` has only milliseconds. */
export function nowMicroseconds(): number {
  const fine = performance.now();
  const coarse = Date.now();
  // The fine clock does not follow when the system clock is set or slewed.
  if (Math.abs(origin + fine - coarse) > DRIFT_MS) origin = coarse - fine;
  return Math.round((origin + fine) * 1000);
}

/** Caches the text of the last second, since chunks come in bursts. */
function bySecond(text: (date: Date) => string): (second: number) => string {
  let known = NaN, last = "";
  return (second) => {
    if (second !== known) {
      last = text(new Date(second * 1000));
      known = second;
    }
    return last;
  };
}

const isoSecond = bySecond((date) => date.toISOString().slice(0, 19));
const localSecond = bySecond((date) => {
  const { year, month, day, hours, minutes, seconds } = localParts(date);
  // The local time as if it were UTC, to format it the same way.
  const shifted = new Date(Date.UTC(year, month, day, hours, minutes, seconds));
  return shifted.toISOString().slice(0, 19).replace("T", " ");
});

function withMicroseconds(text: (second: number) => string, time: number): string {
  const second = Math.floor(time / 1e6);
  return `${text(second)}.${String(Math.floor(time - second * 1e6)).padStart(6, "0")}`;
}

/** A time in UTC (ISO 8601), for example `2026-11-22T06:03:20.123456Z`. */
export function isoTime(time: number): string {
  return withMicroseconds(isoSecond, time) + "Z";
}

/** A time in the local time zone for people and text2pcap, `2026-11-22 06:03:20.123456`. */
export function localTime(time: number): string {
  return withMicroseconds(localSecond, time);
}

/** A time in the local time zone for a file name, to the second: `20261122T060320`. */
export function fileTime(time: number): string {
  return localSecond(Math.floor(time / 1e6)).replace(/[-:]/g, "").replace(" ", "T");
}
