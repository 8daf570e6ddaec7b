/** Times of a dump: whole microseconds since 1970-01-01 UTC, and their texts. */

/** How far the fine clock may be from the system's before it is adjusted, in milliseconds. */
const DRIFT_MS = 5;

let origin = performance.timeOrigin;

/**
 * The system time, with more precision than `Date.now()`.
 *
 * @returns Whole microseconds since 1970.
 */
export function nowMicroseconds(): number {
  const fine = performance.now();
  const coarse = Date.now();
  // The fine clock does not follow when the system clock is set or slewed.
  if (Math.abs(origin + fine - coarse) > DRIFT_MS) origin = coarse - fine;
  return Math.round((origin + fine) * 1000);
}

/** Zero-padded decimal digits. */
function digits(value: number, width: number): string {
  return String(value).padStart(width, "0");
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
const localSecond = bySecond((date) =>
  `${digits(date.getFullYear(), 4)}-${digits(date.getMonth() + 1, 2)}-` +
  `${digits(date.getDate(), 2)} ${digits(date.getHours(), 2)}:` +
  `${digits(date.getMinutes(), 2)}:${digits(date.getSeconds(), 2)}`
);

function withMicroseconds(text: (second: number) => string, time: number): string {
  const second = Math.floor(time / 1e6);
  return `${text(second)}.${digits(Math.floor(time - second * 1e6), 6)}`;
}

/**
 * A time in UTC (ISO 8601).
 *
 * @param time Microseconds since 1970.
 * @returns For example `2026-11-22T06:03:20.123456Z`.
 */
export function isoTime(time: number): string {
  return withMicroseconds(isoSecond, time) + "Z";
}

/**
 * A time in the local time zone, as `text2pcap -t '%Y-%m-%d %H:%M:%S.%f'` reads it.
 *
 * @param time Microseconds since 1970.
 * @returns For example `2026-11-22 06:03:20.123456`.
 */
export function localTime(time: number): string {
  return withMicroseconds(localSecond, time);
}

/**
 * A time in the local time zone for a file name, with a precision of one second.
 *
 * @param time Microseconds since 1970.
 * @returns For example `20261122T060320`.
 */
export function fileTime(time: number): string {
  return localSecond(Math.floor(time / 1e6)).replace(/[-:]/g, "").replace(" ", "T");
}
