/**
 * Three hosts in network namespaces of their own: one for balance and its clients, and two backends
 * whose packets can be dropped.
 *
 * @module
 */
import { ask } from "./client.ts";
import { tool, until } from "../t.ts";

/** A backend host. It answers each connection on {@link BACKEND_PORT} with its name. */
export interface BackendHost {
  readonly name: string;
  readonly address: string;
  /** Whether it drops all packets to the front host from now on. */
  setDropping(dropping: boolean): Promise<void>;
}

/** The hosts, removed at the end of their scope. */
export interface ThreeHosts extends AsyncDisposable {
  readonly backends: readonly [BackendHost, BackendHost];
  /** A command line that runs a program on the front host. */
  onFront(command: string, args: readonly string[]): { command: string; args: string[] };
  /** Connects clients on the front host, one after the other. */
  askInTurn(port: number, count: number): Promise<readonly TimedAnswer[]>;
}

/** What a client read, and how long it took in milliseconds. */
export interface TimedAnswer {
  readonly answer: string;
  readonly ms: number;
}

/** Where the backends listen. */
export const BACKEND_PORT = 7000;

/** Why the hosts cannot be made here; `undefined` if they can. */
export async function whyNoHosts(): Promise<string | undefined> {
  for (const name of ["ip", "socat"]) {
    if (tool(name) === undefined) return `${name} is not installed`;
  }
  if (Deno.uid() !== 0) return "only root can make network namespaces";
  const name = `balance-probe-${Deno.pid}`;
  const { code, stderr } = await output("ip", ["netns", "add", name]);
  if (code !== 0) return `no network namespaces: ${stderr.trim()}`;
  await ip("netns", "del", name);
  return undefined;
}

/** Makes the hosts and starts the backends `B0` and `B1`. */
export async function threeHosts(): Promise<ThreeHosts> {
  await using made = new AsyncDisposableStack();
  const prefix = `balance-${Deno.pid}-${crypto.randomUUID().slice(0, 4)}`;
  const front = `${prefix}-front`;
  await addNamespace(made, front);
  const backends = [
    await addBackend(made, { prefix, front, index: 0 }),
    await addBackend(made, { prefix, front, index: 1 }),
  ] as const;
  const all = made.move();
  const onFront = (command: string, args: readonly string[]) => ({
    command: tool("ip")!,
    args: ["netns", "exec", front, command, ...args],
  });
  return {
    backends,
    onFront,
    async askInTurn(port, count) {
      const script = ["run", "--quiet", "--no-check", "--cached-only", "-A", import.meta.url];
      const { command, args } = onFront(Deno.execPath(), [...script, `${port}`, `${count}`]);
      const { code, stdout, stderr } = await output(command, args);
      if (code !== 0) throw new Error(`the clients ended with ${code}: ${stderr}`);
      return JSON.parse(stdout);
    },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

async function addNamespace(made: AsyncDisposableStack, name: string): Promise<void> {
  await ip("netns", "add", name);
  made.defer(() => ip("netns", "del", name));
  await ip("-n", name, "link", "set", "lo", "up");
}

/** A backend with a network of its own to the front host. */
async function addBackend(
  made: AsyncDisposableStack,
  { prefix, front, index }: { prefix: string; front: string; index: number },
): Promise<BackendHost> {
  const host = `${prefix}-b${index}`, name = `B${index}`;
  const ours = `10.99.${index}.1`, address = `10.99.${index}.2`;
  await addNamespace(made, host);
  await ip(...["-n", front, "link", "add", `f${index}`, "type", "veth"], ...[
    "peer",
    "name",
    "eth0",
    "netns",
    host,
  ]);
  await ip("-n", front, "address", "add", `${ours}/24`, "dev", `f${index}`);
  await ip("-n", front, "link", "set", `f${index}`, "up");
  await ip("-n", host, "address", "add", `${address}/24`, "dev", "eth0");
  await ip("-n", host, "link", "set", "eth0", "up");
  const listener = `TCP-LISTEN:${BACKEND_PORT},fork,reuseaddr`;
  const server = new Deno.Command("ip", {
    args: ["netns", "exec", host, "socat", listener, `SYSTEM:echo ${name}`],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  made.defer(async () => {
    server.kill("SIGKILL");
    await server.status;
  });
  await until(() => connects(front, address), { timeoutMs: 30_000, everyMs: 50, what: name });
  return {
    name,
    address,
    // It still gets the packets, but its answers have nowhere to go.
    setDropping: (dropping) =>
      ip("-n", host, "route", dropping ? "add" : "del", "blackhole", `${ours}/32`),
  };
}

/** Whether a connect from a host to a backend succeeds. */
async function connects(from: string, address: string): Promise<boolean> {
  const connect = ["socat", "/dev/null", `TCP:${address}:${BACKEND_PORT},connect-timeout=1`];
  return (await output("ip", ["netns", "exec", from, ...connect])).code === 0;
}

async function ip(...args: string[]): Promise<void> {
  const { code, stderr } = await output("ip", args);
  if (code !== 0) throw new Error(`ip ${args.join(" ")}: ${stderr}`);
}

async function output(
  command: string,
  args: readonly string[],
): Promise<{ code: number; stdout: string; stderr: string }> {
  const pipes = { stdin: "null", stdout: "piped", stderr: "piped" } as const;
  const { code, stdout, stderr } = await new Deno.Command(command, { args: [...args], ...pipes })
    .output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

if (import.meta.main) {
  const [port, count] = Deno.args.map(Number);
  const answers: TimedAnswer[] = [];
  for (let i = 0; i < count!; i++) {
    const start = performance.now();
    const answer = await ask(port!);
    answers.push({ answer, ms: performance.now() - start });
  }
  console.log(JSON.stringify(answers));
}
