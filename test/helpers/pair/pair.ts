/**
 * Two machines that share an address by the real keepalived, with the files of
 * `scripts/package/keepalived`, and a third host with backends and clients: network namespaces on one
 * bridge.
 *
 * @module
 */
import { until } from "../t.ts";
import { program } from "../program/program.ts";
import { type Running, startProgram } from "../program/start_program.ts";
import { type Namespace, namespace } from "./namespace.ts";

const FILES = new URL("../../../scripts/package/keepalived/", import.meta.url).pathname;
/** The address and the port in those files. */
const ADDRESS = "192.0.2.10", PORT = "8080";
const BACKENDS = ["192.0.2.101", "192.0.2.102", "192.0.2.103"], BACKEND_PORT = 7000;
/** Addresses of clients, for the hash. */
const CLIENTS = Array.from({ length: 12 }, (_, i) => `192.0.2.${150 + i}`);

/** One of the two machines. */
export interface Node {
  readonly name: string;
  readonly host: Namespace;
  readonly balance: Running;
  readonly keepalived: Running;
  /** Whether it has the shared address now. */
  isMaster(): Promise<boolean>;
  /** Runs control commands. @returns The exit code. */
  control(commands: string): Promise<number>;
  /** Runs one of the scripts in `scripts/package/keepalived`. */
  script(name: string, ...args: string[]): Promise<void>;
  /** Starts another balance with the same arguments and these. */
  startAnother(...options: string[]): Promise<Running>;
  /** Kills balance and keepalived at once and cuts the machine off. */
  die(): Promise<void>;
}

/** Both machines. */
export interface Pair extends AsyncDisposable {
  readonly nodes: readonly [Node, Node];
  readonly lan: Namespace;
  /** The machine that has the address; waits until exactly one has it. */
  master(): Promise<Node>;
  /** The backend that each client gets. */
  backends(): Promise<string[]>;
  /** Starts a client that connects all the time. */
  traffic(): Promise<Traffic>;
}

/** A client that connects all the time. */
export interface Traffic extends AsyncDisposable {
  /** The longest time without an answer since the last call, in milliseconds. */
  longestGap(): number;
  /** Waits until there are answers after this moment. */
  answered(): Promise<void>;
}

/** Starts the pair. @param options Options of both balances. */
export async function startPair(...options: string[]): Promise<Pair> {
  await using made = new AsyncDisposableStack();
  const lan = made.use(await namespace());
  await lan.run("ip", "link", "add", "lan", "type", "bridge", "forward_delay", "0");
  await lan.run("ip", "link", "set", "lan", "up");
  for (const address of [...BACKENDS, ...CLIENTS]) {
    await lan.run("ip", "address", "add", `${address}/24`, "dev", "lan");
  }
  for (const [i, address] of BACKENDS.entries()) {
    const listener = `TCP-LISTEN:${BACKEND_PORT},bind=${address},fork,reuseaddr`;
    const { command, args } = lan.inside("socat", [listener, `SYSTEM:echo B${i}`]);
    made.use(await startProgram(command, { args, ready: () => listens(lan, address) }));
  }
  const nodes = [
    await startNode(made, { lan, index: 1, options }),
    await startNode(made, { lan, index: 2, options }),
  ] as const;
  const all = made.move();
  const pair: Pair = {
    nodes,
    lan,
    async master() {
      let found: Node | undefined;
      await until(async () => {
        const masters = await Promise.all(nodes.map((node) => node.isMaster()));
        found = masters.filter(Boolean).length === 1 ? nodes[masters.indexOf(true)] : undefined;
        return found !== undefined;
      }, { timeoutMs: 15_000, everyMs: 20, what: "one master" });
      return found!;
    },
    backends: () =>
      Promise.all(CLIENTS.map(async (client) => {
        const at = `TCP:${ADDRESS}:${PORT},bind=${client},connect-timeout=5`;
        return (await lan.run("socat", "-T5", "-,ignoreeof", at)).trim();
      })),
    traffic: () => startTraffic(lan),
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
  return pair;
}

async function listens(host: Namespace, address: string): Promise<boolean> {
  return (await host.run("ss", "-ltnH")).includes(`${address}:`);
}

async function startNode(
  made: AsyncDisposableStack,
  { lan, index, options }: { lan: Namespace; index: 1 | 2; options: readonly string[] },
): Promise<Node> {
  const name = `node${index}`, host = made.use(await namespace());
  await lan.run("ip", ...["link", "add", name, "type", "veth", "peer", "name", "eth0"], ...[
    "netns",
    host.name,
  ]);
  await lan.run("ip", "link", "set", name, "master", "lan", "up");
  await host.run("ip", "address", "add", `192.0.2.${index}/24`, "dev", "eth0");
  await host.run("ip", "link", "set", "eth0", "up");
  const dir = installFiles(made, name);
  const channels = BACKENDS.map((address) => `${address}:${BACKEND_PORT}`);
  const argv = ["-f", "--freebind", "-b", ADDRESS, "--schedule", "consistent", ...options];
  async function start(...more: string[]): Promise<Running> {
    const { command, args } = host.inside(`${dir}/balance`, [...argv, ...more, PORT, ...channels]);
    return await startProgram(command, { args, ready: isReady, timeoutMs: 20_000 });
  }
  const run = (command: string, ...args: string[]) => {
    const inside = host.inside(command, args);
    return new Deno.Command(inside.command, { args: inside.args, stdout: "null", stderr: "null" })
      .output();
  };
  const control = async (commands: string) =>
    (await run(`${dir}/balance`, "-b", ADDRESS, "-c", commands, PORT)).code;
  const isReady = async () => await control("health") === 0;
  const balance = made.use(await start());
  const flags = ["-n", "-l", "-D", "-f", `${dir}/${name}.conf`, "-p", `${dir}/pid`];
  const vrrp = host.inside("keepalived", [...flags, "-r", `${dir}/vrrp.pid`]);
  const keepalived = made.use(
    await startProgram(vrrp.command, {
      args: vrrp.args,
      ready: (output) => /Entering (BACKUP|MASTER) STATE/.test(output),
    }),
  );
  return {
    ...{ name, host, balance, keepalived, control },
    isMaster: async () => (await host.run("ip", "-4", "address")).includes(`${ADDRESS}/`),
    async script(script, ...args) {
      await run(`${dir}/${script}`, ...args);
    },
    startAnother: start,
    async die() {
      await host.run("ip", "link", "set", "eth0", "down");
      for (const file of ["vrrp.pid", "pid"]) {
        Deno.kill(Number(Deno.readTextFileSync(`${dir}/${file}`)), "SIGKILL");
      }
      balance.kill("SIGKILL");
    },
  };
}

/** Copies the files as an administrator does: only paths change. @returns The directory. */
function installFiles(made: AsyncDisposableStack, name: string): string {
  // keepalived runs no script that another user could replace, so not one in /tmp.
  const dir = Deno.makeTempDirSync({ dir: "/run", prefix: `balance-test-${name}-` });
  made.defer(() => Deno.removeSync(dir, { recursive: true }));
  Deno.chmodSync(dir, 0o755);
  for (const { name: file } of Deno.readDirSync(FILES)) {
    const text = Deno.readTextFileSync(`${FILES}${file}`)
      .replaceAll("/etc/keepalived/", `${dir}/`)
      .replace("BALANCE=/usr/local/bin/balance", `BALANCE=${dir}/balance`)
      .replace("DRAINING=/run/", `DRAINING=${dir}/`);
    Deno.writeTextFileSync(`${dir}/${file}`, text);
    if (file.endsWith(".sh")) Deno.chmodSync(`${dir}/${file}`, 0o755);
  }
  const { command, args } = program({ cachedOnly: true, argv: ["-c"] });
  const words = [command, ...args].map((word) => `'${word}'`).join(" ");
  const cache = Deno.env.get("DENO_DIR") ?? `${Deno.env.get("HOME")}/.cache/deno`;
  Deno.writeTextFileSync(
    `${dir}/balance`,
    `#!/bin/sh\nexport BALANCE_RUNDIR=${dir}/rundir DENO_DIR=${cache}\nexec ${words} "$@"\n`,
  );
  Deno.chmodSync(`${dir}/balance`, 0o755);
  Deno.mkdirSync(`${dir}/rundir`, { mode: 0o700 });
  return dir;
}

async function startTraffic(lan: Namespace): Promise<Traffic> {
  const script = new URL("vip_client.ts", import.meta.url).pathname;
  const flags = ["run", "--quiet", "--no-check", "--cached-only", "-A", script];
  const { command, args } = lan.inside(Deno.execPath(), [...flags, ADDRESS, PORT]);
  const client = await startProgram(command, { args, ready: (output) => output !== "" });
  const times = () => client.output.trimEnd().split("\n").map((line) => parseInt(line));
  let seen = 0;
  return {
    longestGap() {
      const all = times().slice(seen);
      seen += all.length - 1;
      return Math.max(...all.slice(1).map((time, i) => time - all[i]!));
    },
    async answered() {
      const from = Date.now();
      await until(() => times().at(-1)! > from, { timeoutMs: 15_000, what: "an answer" });
    },
    [Symbol.asyncDispose]: () => client[Symbol.asyncDispose](),
  };
}
