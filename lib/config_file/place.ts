/** Errors that name the line of a configuration file. */

import { ExitError, withName } from "../base/errors.ts";

/** Where a word stands in a configuration file. */
export interface Place {
  /** The file as written on the command line; an included one with the path of its includer. */
  readonly file: string;
  /** From 1; 0 for the file as a whole. */
  readonly line: number;
}

/** Where the words of a command line stand that come from a configuration file. A plain record. */
export interface Places {
  /** By the name of the option; `listen` for the port. */
  readonly options: ReadonlyMap<string, Place>;
  /** Of the words of `Options.channels`; `undefined` if one is from the command line. */
  readonly channels: readonly (Place | undefined)[];
  /** What to add if the host of that channel is unknown. */
  readonly hints: readonly (string | undefined)[];
}

/** `web.conf:3`, or just the file. */
export function formatPlace({ file, line }: Place): string {
  return line === 0 ? file : `${file}:${line}`;
}

const located = new WeakSet<ExitError>();

/**
 * Makes an error start with its place: `balance: web.conf:3: invalid ...`. Only the first place
 * counts. An error about the command line, which has none, stays as it is.
 *
 * @returns The same error.
 */
export function locateAt<T>(error: T, place: Place | undefined): T {
  if (place === undefined || !(error instanceof ExitError)) return error;
  if (error.message === "" || located.has(error)) return error;
  const start = withName("");
  const text = error.message.startsWith(start) ? error.message.slice(start.length) : error.message;
  error.message = withName(`${formatPlace(place)}: ${text}`);
  located.add(error);
  return error;
}

/** The same for an error whose subject is known, see `ExitError.subject`. */
export function locate<T>(error: T, places: Places): T {
  if (!(error instanceof ExitError) || error.subject === undefined) return error;
  const { subject } = error;
  const place = typeof subject === "number"
    ? places.channels[subject]
    : places.options.get(subject);
  return locateAt(error, place);
}

/** Calls a function; an error that it throws starts with the place. */
export function placed<T>(place: Place | undefined, run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw locateAt(error, place);
  }
}
