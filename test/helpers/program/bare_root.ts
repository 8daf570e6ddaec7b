/**
 * A root filesystem with nothing in it but the C library and one program, for what a bare server
 * lacks: no shell, no Deno, no Node, no /etc/services, no resolver.
 *
 * @module
 */
import { runProgram } from "./start_program.ts";
import { tool, until } from "../t.ts";

/** What is in it besides the program. */
const PACKAGES = ["libc6", "libgcc-s1"];
const TOOLS = ["apt-get", "chroot", "dpkg", "dpkg-deb", "mount", "nsenter", "sh", "unshare"];

/** Such a filesystem, gone at the end of its scope with everything that runs in it. */
export interface BareRoot extends AsyncDisposable {
  /** Where it is. */
  readonly path: string;
  /** Where the C library came from, in words. */
  readonly origin: string;
  /**
   * How to start the program inside, without an environment.
   *
   * @param user User and group to be; default root.
   */
  command(args: readonly string[], user?: number): Deno.Command;
}

/** Why there can be no such filesystem here; `undefined` if there can. */
export function bareRootObstacle(): string | undefined {
  if (Deno.build.os !== "linux") return "it needs Linux";
  if (Deno.uid() !== 0) return "only root can enter another root filesystem";
  const missing = TOOLS.filter((name) => tool(name) === undefined);
  return missing.length === 0 ? undefined : `${missing.join(", ")} not installed`;
}

/**
 * Makes such a filesystem in a temporary folder, out of Debian's packages.
 *
 * Its /proc and /dev/null are mounted in a mount namespace that belongs to a process of ours, so
 * nothing is left mounted even if the test is killed.
 *
 * @param program Path of an executable; inside it is `/balance`.
 * @throws {Error} If the packages cannot be had, or nothing can be mounted.
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

/** Unpacks the packages; where there is no mirror, their files as they are installed here serve. */
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
  // Newer packages leave the links of a merged /usr to another package.
  for (const name of ["lib", "lib64"]) {
    try {
      await Deno.symlink(`usr/${name}`, `${root}/${name}`);
    } catch (error) {
      if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
    }
  }
  return packages.length === PACKAGES.length ? packages.join(", ") : "the packages installed here";
}

/** A process in a mount namespace of its own, which is gone when the last one in it has ended. */
async function mountIn(root: string): Promise<{ pid: number; end(): Promise<void> }> {
  const script = 'mount -t proc proc "$0/proc" && mount --bind /dev/null "$0/dev/null" &&' +
    ' touch "$0/../mounted" && exec cat';
  const child = new Deno.Command(tool("unshare") ?? "", {
    args: ["--mount", "--propagation=private", "sh", "-c", script, root],
    stdin: "piped",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const said = new Response(child.stderr).text();
  let running = true;
  const ended = child.status.finally(() => running = false);
  const mounted = () => [...Deno.readDirSync(`${root}/..`)].some(({ name }) => name === "mounted");
  async function end(): Promise<void> {
    // At the end of its input it ends, also if that is because the test was killed.
    await child.stdin.close();
    await Promise.all([ended, said]);
  }
  await until(() => !running || mounted(), { what: "a mount namespace" });
  if (!mounted()) {
    await end();
    throw new Error(`Cannot mount in a namespace: ${(await said).trim()}`);
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
