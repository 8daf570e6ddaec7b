/**
 * A real systemd in its own namespaces, with balance installed as README.md installs it, to test the
 * unit as delivered. See boot.sh for what it shares with this machine: nothing but the network.
 *
 * @module
 */
import { collect } from "../program/output.ts";
import { program, sourceFlags } from "../program/program.ts";
import { runProgram } from "../program/start_program.ts";
import { tempDir } from "../temp_dir.ts";
import { tool, until, within } from "../t.ts";

const ROOT = new URL("../../../", import.meta.url).pathname;
const BOOT = new URL("boot.sh", import.meta.url).pathname;
const SYSTEMD = "/lib/systemd/systemd";
const SYSTEM_UNITS = "/lib/systemd/system/";
const TOOLS = ["mount", "nsenter", "pivot_root", "setpriv", "sh", "systemctl", "unshare"];

/** The only units, besides those of balance. Nothing else of this machine is started. */
const UNITS = [
  ...["sysinit", "basic", "sockets", "paths", "timers", "slices", "shutdown", "umount", "local-fs"]
    .map((name) => `${name}.target`),
  ...["network", "network-online", "nss-lookup", "multi-user"].map((name) => `${name}.target`),
  ...["service", "socket"].map((type) => `systemd-journald.${type}`),
  "systemd-journald-dev-log.socket",
];

/** Where the program and the repository are inside. */
const LIB = "/usr/local/lib/balance", SOURCE = `${LIB}/source`;

/** What a command inside has returned. */
export interface Ended {
  code: number;
  stdout: string;
  stderr: string;
}

/** A running systemd. Everything in it ends at the end of its scope. */
export interface Systemd extends AsyncDisposable {
  /** Runs a command inside, as root, with no other environment than PATH. */
  run(...argv: [string, ...string[]]): Promise<Ended>;
  /** The path of a file inside, as seen from outside. */
  path(inside: string): string;
  /** The value of a property of a unit, as `systemctl show` prints it. */
  property(unit: string, name: string): Promise<string>;
  /** What the unit has written to the journal so far. */
  journal(unit: string): Promise<string>;
}

/**
 * Why a real systemd cannot be started here; `undefined` if it can, which a trial start has shown.
 */
export async function systemdObstacle(): Promise<string | undefined> {
  if (Deno.build.os !== "linux") return "it needs Linux";
  if (Deno.uid() !== 0) return "only root can start a systemd";
  const missing = TOOLS.filter((name) => tool(name) === undefined);
  if (missing.length > 0) return `${missing.join(", ")} not installed`;
  try {
    await Deno.stat(SYSTEMD);
    await (await startSystemd())[Symbol.asyncDispose]();
    return undefined;
  } catch (error) {
    return `systemd does not start in namespaces: ${(error as Error).message}`
      .replaceAll(/\s+/g, " ");
  }
}

/**
 * Starts systemd, installs balance and creates its user.
 *
 * @throws {Error} If that is not allowed here or takes too long.
 */
export async function startSystemd(): Promise<Systemd> {
  const folder = tempDir();
  try {
    await prepare(folder.path);
    const booted = await boot(folder.path);
    const inside = commands(booted.pid);
    const systemd: Systemd = {
      ...inside,
      async [Symbol.asyncDispose]() {
        await booted.end();
        folder[Symbol.dispose]();
      },
    };
    const { install } = readmeCommands();
    const { code, stdout, stderr } = await inside.run("sh", "-euc", install);
    if (code !== 0) {
      await systemd[Symbol.asyncDispose]();
      throw new Error(`the commands of README.md ended with ${code}: ${stdout}${stderr}`);
    }
    return systemd;
  } catch (error) {
    folder[Symbol.dispose]();
    throw error;
  }
}

/**
 * The commands of README.md, from the folder of the package: those that install balance as a
 * service, those that make and start an instance, and those that make a reload a takeover.
 */
export function readmeCommands(): { install: string; start: string; takeover: string } {
  const readme = Deno.readTextFileSync(`${ROOT}README.md`);
  const blocks = [...readme.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block = ""]) => block);
  const from = `cd ${SOURCE}/scripts/package\n`;
  const block = blocks.find((one) => one.includes("systemd-sysusers"));
  const takeover = blocks.find((one) => one.includes("install") && one.includes("takeover.conf"));
  if (block === undefined || takeover === undefined) {
    throw new Error("README.md does not install the service, or takeover.conf");
  }
  const lines = `${from}${block}`.trimEnd().split("\n");
  const isStart = (line: string) => /^(printf|balance|systemctl enable) /.test(line);
  return {
    install: lines.filter((line) => !isStart(line)).join("\n"),
    start: lines.filter(isStart).join("\n"),
    takeover: `${from}${takeover}`,
  };
}

/** Fills the folder for boot.sh. */
async function prepare(folder: string): Promise<void> {
  const root = `${folder}/root`;
  const put = async (path: string, text: string, mode = 0o644) => {
    await Deno.mkdir(`${root}${path.replace(/\/[^/]*$/, "")}`, { recursive: true });
    await Deno.writeTextFile(root + path, text, { mode });
  };
  await put("/etc/systemd/system/test.target", "[Unit]\nWants=systemd-journald.service\n");
  for (const name of UNITS) {
    await put(`/etc/systemd/system/${name}`, await Deno.readTextFile(SYSTEM_UNITS + name));
  }
  // No resolver: a name is known if it is in this file.
  await put("/etc/resolv.conf", "nameserver 127.0.0.1\n");
  await put("/etc/hosts", "127.0.0.1 localhost\n");
  const { command } = program();
  const binds: [from: string, to: string][] = [[ROOT.replace(/\/$/, ""), SOURCE]];
  if (Deno.env.get("BALANCE_BIN")) {
    binds.push([command, `${LIB}/balance`]);
    await put("/usr/local/bin/balance", script([`${LIB}/balance`]), 0o755);
  } else {
    // The home of root is hidden from the service, so the runtime and its cache are elsewhere.
    binds.push([command, `${LIB}/deno`], [`${await denoFolder()}/npm`, `${LIB}/cache/npm`]);
    const words = ["env", `DENO_DIR=${LIB}/cache`, "DENO_NO_UPDATE_CHECK=1", `${LIB}/deno`];
    const moved = [...sourceFlags({ cachedOnly: true }), `${ROOT}main.ts`]
      .map((word) => word.replace(ROOT, `${SOURCE}/`));
    await put("/usr/local/bin/balance", script([...words, ...moved]), 0o755);
  }
  await Deno.writeTextFile(`${folder}/binds`, binds.map((pair) => `${pair.join(" ")}\n`).join(""));
}

function script(words: readonly string[]): string {
  return `#!/bin/sh\nexec ${words.map((word) => `'${word}'`).join(" ")} "$@"\n`;
}

async function denoFolder(): Promise<string> {
  const { stdout } = await runProgram(Deno.execPath(), ["info", "--json"]);
  return JSON.parse(stdout).denoDir;
}

/** Runs boot.sh until systemd answers. */
async function boot(folder: string): Promise<{ pid: number; end(): Promise<void> }> {
  const child = new Deno.Command(tool("sh") ?? "", {
    args: [BOOT, folder],
    stdin: "piped",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const stderr = collect(child.stderr);
  let running = true;
  const ended = child.status.finally(() => running = false);
  async function end(): Promise<void> {
    await child.stdin.close().catch(() => {});
    await within(Promise.all([ended, stderr.ended]), { timeoutMs: 20_000, what: "systemd to end" });
  }
  const read = (name: string) => Deno.readTextFile(`${folder}/${name}`).catch(() => "");
  try {
    return await until(async () => {
      if (!running) throw new Error("it ended");
      const pid = Number(await read("pid"));
      if (pid === 0) return undefined;
      const { stdout } = await commands(pid).run("systemctl", "is-system-running");
      if (!/^(running|degraded)$/m.test(stdout)) return undefined;
      // So far to the console, for the case that it does not get here.
      await commands(pid).run("systemctl", "log-target", "journal");
      return { pid, end };
    }, { timeoutMs: 20_000, everyMs: 50, what: "systemd to be running" });
  } catch (error) {
    await end();
    const lines = `${stderr.text()}${await read("console")}`.trim().split("\n").slice(-5);
    throw new Error(`${(error as Error).message}: ${lines.join("; ")}`);
  }
}

function commands(pid: number): Omit<Systemd, keyof AsyncDisposable> {
  const namespaces = ["--mount", "--pid", "--uts", "--ipc", "--cgroup"];
  const run: Systemd["run"] = (...argv) => {
    const env = ["-i", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"];
    const args = [`--target=${pid}`, ...namespaces, "env", ...env, ...argv];
    return runProgram(tool("nsenter") ?? "", args, { timeoutMs: 60_000 });
  };
  return {
    run,
    path: (inside) => `/proc/${pid}/root${inside}`,
    property: async (unit, name) =>
      (await run("systemctl", "show", "--value", `--property=${name}`, unit)).stdout.trim(),
    journal: async (unit) =>
      (await run("journalctl", "--no-pager", "--output=cat", `--unit=${unit}`)).stdout,
  };
}
