import { runChild } from "../system/children.ts";
import { findProgram, output } from "../system/programs.ts";

/** Kinds of load; see load/load.c. */
export type LoadKind = "request" | "connection" | "down" | "up" | "latency";

/** What one run of the load generator found. Delays in microseconds, `latency` only. */
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
  /** In words, for the report. */
  readonly text: string;
  /** Whether it is the slow one: then every rate is limited by it. */
  readonly slow: boolean;
  readonly backend: readonly string[];
  readonly load: readonly string[];
}

const SOURCES = new URL("load/", import.meta.url).pathname;

/** Compiles the pair into `folder`; without a compiler takes the one in TypeScript and says so. */
export async function buildGenerator(folder: string): Promise<Generator> {
  const compiler = findProgram("cc") ?? findProgram("gcc") ?? findProgram("clang");
  if (compiler === undefined) return inTypeScript("no C compiler (cc, gcc, clang) here");
  for (const name of ["backend", "load"]) {
    const { ok, text } = await output(
      [compiler, "-O2", "-o", `${folder}/${name}`, `${SOURCES}${name}.c`],
      { milliseconds: 60_000 },
    );
    if (!ok) {
      return inTypeScript(`[${name}.c] does not compile here: ${text.trim().split("\n")[0]}`);
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
 * @param command the generator, tied to its cores
 * @throws {Error} when it fails, finds nothing done, or is not back ten seconds after its time.
 */
export async function runLoad(
  command: readonly string[],
  options: { kind: LoadKind; port: number; connections: number; seconds: number; rate?: number },
): Promise<Load> {
  const { kind, port, connections, seconds, rate = 0 } = options;
  const { ok, stdout, stderr } = await runChild(
    [...command, kind, ...[port, connections, seconds, rate].map(String)],
    { milliseconds: seconds * 1000 + 10_000 },
  );
  if (!ok) throw new Error(stderr.trim() || "the load did not end in time");
  const load: Load = JSON.parse(stdout);
  if (load.count === 0) throw new Error(`nothing done, ${load.errors} errors`);
  return load;
}
