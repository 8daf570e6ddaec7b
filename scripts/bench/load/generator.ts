import { tool } from "../../../test/helpers/t.ts";
import { run } from "../../system/command.ts";
import { watch } from "../system/children.ts";
import { output } from "../system/output.ts";

/** Kinds of load that take as long as they may; see load/load.c, and open_loop.ts for the other. */
export type LoadKind = "request" | "connection" | "down" | "up";

/** The result of one run of the load generator. Delays in microseconds, of an open loop only. */
export interface Load {
  /** Units completed: requests, connections or blocks. */
  readonly count: number;
  readonly bytes: number;
  readonly seconds: number;
  readonly errors: number;
  readonly p50: number;
  readonly p99: number;
  readonly worst: number;
}

/** The backend and the load generator, in C or, without a compiler, in TypeScript. */
export interface Generator {
  /** Description for the report. */
  readonly text: string;
  /** Whether it is the slow one in TypeScript, which limits every rate. */
  readonly slow: boolean;
  readonly backend: readonly string[];
  readonly load: readonly string[];
}

/** Time limit in milliseconds. */
const COMPILE_MS = 60_000;

/** A load may take this many milliseconds longer than its time. */
export const EXTRA_MS = 10_000;

const SOURCES = new URL(".", import.meta.url).pathname;

/** Compiles both programs into `folder`; without a compiler uses those in TypeScript. */
export async function buildGenerator(folder: string): Promise<Generator> {
  const compiler = tool("cc") ?? tool("gcc") ?? tool("clang");
  if (compiler === undefined) return inTypeScript("there is no C compiler (cc, gcc, clang)");
  for (const name of ["backend", "load"]) {
    const { ok, text } = await output(
      [compiler, "-O2", "-o", `${folder}/${name}`, `${SOURCES}${name}.c`],
      { limit: COMPILE_MS },
    );
    if (!ok) {
      return inTypeScript(`[${name}.c] does not compile: ${text.trim().split("\n")[0]}`);
    }
  }
  const version = (await output([compiler, "--version"])).text.split("\n")[0] ?? compiler;
  return {
    text: `C, compiled with ${version}`,
    slow: false,
    backend: [`${folder}/backend`],
    load: [`${folder}/load`],
  };
}

function inTypeScript(reason: string): Generator {
  const run = [Deno.execPath(), "run", "--quiet", "--no-check", "-A"];
  return {
    text: `TypeScript, because ${reason}: all rates and delays are limited by the load`,
    slow: true,
    backend: [...run, `${SOURCES}backend.ts`],
    load: [...run, `${SOURCES}load.ts`],
  };
}

/**
 * Runs the load generator once.
 *
 * @param command The generator, pinned to its cores.
 * @throws {Error} if it fails, completes nothing, or still runs ten seconds after its time.
 */
export async function runLoad(
  command: readonly string[],
  options: { kind: LoadKind; port: number; connections: number; seconds: number },
): Promise<Load> {
  const { kind, port, connections, seconds } = options;
  const { code, stdout, stderr } = await run(
    [...command, kind, ...[port, connections, seconds].map(String)],
    { limit: seconds * 1000 + EXTRA_MS, onStart: watch },
  );
  if (code !== 0) throw new Error(stderr.trim() || "the load did not end in time");
  return parseLoad(new TextDecoder().decode(stdout));
}

/**
 * Parses what a load generator printed at its end.
 *
 * @throws {Error} if nothing was completed.
 */
export function parseLoad(text: string): Load {
  const load: Load = JSON.parse(text);
  if (load.count === 0) throw new Error(`nothing completed, ${load.errors} errors`);
  return load;
}
