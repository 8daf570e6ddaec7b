/**
 * A root filesystem with the C library and one program, to test balance on a bare server: no shell,
 * no Deno, no Node, no /etc/services, no resolver.
 *
 * @module
 */
import { tool, until } from "../t.ts";
import { runProgram } from "./start_program.ts";

/** Debian packages in it, besides the program. */
const PACKAGES = ["libc6", "libgcc-s1"];
const TOOLS = ["apt-get", "chroot", "dpkg", "dpkg-deb", "mount", "nsenter", "sh", "unshare"];

/** A bare root filesystem, removed at the end of its scope with all processes that run in it. */
export interface BareRoot extends AsyncDisposable {
  /** Path of the directory. */
  readonly path: string;
  /** A description of where the C library came from. */
  readonly origin: string;
  /**
   * The command that runs the program inside, with an empty environment.
   *
   * @param user User and group id, default root.
   */
  command(args: readonly string[], user?: number): Deno.Command;
}

/** Why {@linkcode bareRoot} cannot work on this machine; `undefined` if it can. */
export function bareRootObstacle(): string | undefined {
  if (Deno.build.os !== "linux") return "it needs Linux";
  if (Deno.uid() !== 0) return "only root can enter another root filesystem";
  const missing = TOOLS.filter((name) => tool(name) === undefined);
  return missing.length === 0 ? undefined : `${missing.join(", ")} not installed`;
}

/**
 * Makes a bare root filesystem in a temporary directory from Debian packages.
 *
 * Its /proc and /dev/null are mounted in the mount namespace of a child process, so that nothing
 * stays mounted even if the test is killed.
 *
 * @param program Path of the executable, which becomes `/balance`.
 * @throws {Error} If the packages cannot be installed, or mounting fails.
 */
export async function bareRoot(program: string): Promise<BareRoot> {
  const folder = await Deno.makeTempDir({ prefix: "balance-bare-" });
  const path = `${folder}/root`;
  try {
    for (const name of ["", "/dev", "/proc", "/tmp", "/var", "/var/run"]) {
      await Deno.mkdir(path + name);
      await Deno.chmod(path + name, name === "/tmp" ? 0o1777 : 0o755);
    }
    await Deno.chmod(folder, 0o755);
    await Deno.writeFile(`${path}/dev/null`, new Uint8Array());
    const origin = await addLibraries(folder, path);
    await Deno.copyFile(program, `${path}/balance`);
    await Deno.chmod(`${path}/balance`, 0o755);
    const holder = await mountIn(path);
    return {
      path,
      origin,
      command: (args, user = 0) =>
        new Deno.Command(tool("nsenter") ?? "", {
          args: [
            `--target=${holder.pid}`,
            "--mount",
            tool("chroot") ?? "",
            `--userspec=${user}:${user}`,
            path,
            "/balance",
            ...args,
          ],
          clearEnv: true,
          stdin: "piped",
          stdout: "piped",
          stderr: "piped",
        }),
      async [Symbol.asyncDispose]() {
        await holder.end();
        await Deno.remove(folder, { recursive: true });
      },
    };
  } catch (error) {
    await Deno.remove(folder, { recursive: true });
    throw error;
  }
}

/** Unpacks the packages, or copies their installed files if they cannot be downloaded. */
async function addLibraries(folder: string, root: string): Promise<string> {
  await run("sh", ["-c", 'cd "$0" && exec apt-get download -qq "$@"', folder, ...PACKAGES], "any");
  const packages = [...Deno.readDirSync(folder)].map(({ name }) => name)
    .filter((name) => name.endsWith(".deb"));
  if (packages.length === PACKAGES.length) {
    for (const name of packages) await run("dpkg-deb", ["-x", `${folder}/${name}`, root]);
  } else {
    const files = (await run("dpkg", ["-L", ...PACKAGES])).split("\n")
      .filter((name) => /\.so\b/.test(name) && Deno.lstatSync(name).isDirectory === false);
    await run("cp", ["-a", "--parents", ...files, root]);
  }
  // In newer releases the links of a merged /usr belong to another package.
  for (const name of ["lib", "lib64"]) {
    try {
      await Deno.symlink(`usr/${name}`, `${root}/${name}`);
    } catch (error) {
      if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
    }
  }
  return packages.length === PACKAGES.length ? packages.join(", ") : "the packages installed here";
}

/** Starts a process in a new mount namespace, which ends with the last process in it. */
async function mountIn(root: string): Promise<{ pid: number; end(): Promise<void> }> {
  const script = 'mount -t proc proc "$0/proc" && mount --bind /dev/null "$0/dev/null" &&' +
    ' touch "$0/../mounted" && exec cat';
  const child = new Deno.Command(tool("unshare") ?? "", {
    args: ["--mount", "--propagation=private", "sh", "-c", script, root],
    stdin: "piped",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const stderr = new Response(child.stderr).text();
  let running = true;
  const ended = child.status.finally(() => running = false);
  const mounted = () => [...Deno.readDirSync(`${root}/..`)].some(({ name }) => name === "mounted");
  async function end(): Promise<void> {
    // It ends at the end of its input, which comes even if the test is killed.
    await child.stdin.close();
    await Promise.all([ended, stderr]);
  }
  await until(() => !running || mounted(), { what: "a mount namespace" });
  if (!mounted()) {
    await end();
    throw new Error(`Cannot mount in a namespace: ${(await stderr).trim()}`);
  }
  return { pid: child.pid, end };
}

async function run(name: string, args: string[], code: 0 | "any" = 0): Promise<string> {
  const ended = await runProgram(tool(name) ?? name, args, { timeoutMs: 60_000 });
  if (code === 0 && ended.code !== 0) {
    throw new Error(`${name} ended with ${ended.code}: ${ended.stderr.trim()}`);
  }
  return ended.stdout;
}
