import { parseArgs } from "@std/cli/parse-args";
import { type Kind, KINDS } from "./measure/plan.ts";

/** What the command line asks for. */
export interface BenchOptions {
  readonly help: boolean;
  readonly quick: boolean;
  /** Kinds to measure; all of them by default. */
  readonly kinds: ReadonlySet<Kind>;
  /** Names of the contenders; `undefined` = all. `balance` and `direct` always take part. */
  readonly contenders: ReadonlySet<string> | undefined;
  /** File for every single value, as JSON. */
  readonly json: string | undefined;
  /** Markdown file for a section with the tables. */
  readonly results: string | undefined;
}

export const USAGE = `usage: deno task bench [--quick] [--only KINDS] [--contenders NAMES]
                       [--json FILE] [--results FILE]

  --quick             under 2 minutes: fewer runs, only 1,000 idle connections
  --only KINDS        some of ${KINDS.join(",")}
  --contenders NAMES  some of balance-epoll,balance-x2,balance-epoll-x2,haproxy,
                      haproxy-splice,haproxy-x2,nginx,pen,socat,original
                      (direct and balance always take part)
  --json FILE         write every single value
  --results FILE      add the tables to a Markdown file, newest section first

BALANCE_BIN=PATH measures that executable instead of main.ts.
`;

/**
 * Reads the command line.
 *
 * @throws {TypeError} on an unknown option or kind.
 */
export function readOptions(args: readonly string[]): BenchOptions {
  const given = parseArgs(args, {
    boolean: ["quick", "help"],
    string: ["json", "results", "only", "contenders"],
    alias: { help: "h" },
    unknown: (arg) => {
      throw new TypeError(`unknown argument [${arg}]`);
    },
  });
  const list = (name: string): string[] | undefined => {
    const value = given[name];
    return typeof value === "string" ? value.split(",").filter((word) => word !== "") : undefined;
  };
  const file = (name: string): string | undefined => {
    const value = given[name];
    if (value === "") throw new TypeError(`--${name} needs a file`);
    return typeof value === "string" ? value : undefined;
  };
  const contenders = list("contenders");
  return {
    help: given["help"] === true,
    quick: given["quick"] === true,
    kinds: new Set((list("only") ?? KINDS).map(toKind)),
    contenders: contenders && new Set(contenders),
    json: file("json"),
    results: file("results"),
  };
}

function toKind(word: string): Kind {
  const kind = KINDS.find((known) => known === word);
  if (kind === undefined) throw new TypeError(`unknown kind [${word}], one of ${KINDS.join(", ")}`);
  return kind;
}
