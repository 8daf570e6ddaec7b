import type { Place } from "./place.ts";

/** An option or an operand as given on the command line or in a configuration file. */
export interface Given {
  /** The option in the table of options, `listen` for the port in a file; absent for an operand. */
  readonly name?: string;
  /** The operand or the argument of the option; absent for a flag. */
  readonly value?: string;
  /** The option as it was typed, with dashes: `-t` or `--connect-timeout`; the operand itself. */
  readonly written: string;
  /** Absent for the command line. */
  readonly place?: Place;
  /** What to add if an operand turns out to be no host. */
  readonly hint?: string;
}

/** How an option may be spelled, and what it is. */
export interface Spelling {
  /** Its name in the table of options. */
  readonly name: string;
  readonly takesArgument: boolean;
  /** May be given several times. */
  readonly repeatable?: boolean;
  /** Makes no sense in a file. */
  readonly commandLineOnly?: boolean;
}

/** All options by how they are spelled, letters and long names, without dashes. */
export type Spellings = ReadonlyMap<string, Spelling>;

/** The long names. */
export function longNames(spellings: Spellings): string[] {
  return [...spellings.keys()].filter((name) => name.length > 1);
}
