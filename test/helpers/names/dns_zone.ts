/**
 * The real dnsmasq on loopback with the names of a test, and programs that use it: these run in a
 * mount namespace with their own `/etc/resolv.conf` and `/etc/hosts`.
 *
 * @module
 */
import { skip, t, tool, until } from "../t.ts";

/** Names and their addresses. */
export type Hosts = Readonly<Record<string, readonly string[]>>;

/** A running DNS server, ended at the end of its scope. */
export interface DnsZone extends AsyncDisposable {
  /** For `before` of `startBalance()`: the program uses this server. */
  readonly before: string;
  /** The beginning of addresses that no other test uses, for example `127.80.3`. */
  readonly network: string;
  /** Changes all names; the server has read them when this resolves. */
  set(hosts: Hosts): Promise<void>;
  /** Starts the server again. @param services As of `--srv-host`. */
  restart(services?: readonly string[]): Promise<void>;
  /** Ends it: questions are refused. */
  stop(): Promise<void>;
  /** Halts it until it is started again: questions are not answered. */
  halt(): void;
  /** How many questions for a name it got. */
  asked(name: string): number;
}

/** Why there is no {@linkcode dnsZone} here; `undefined` if there is. */
function whyNoZone(): string | undefined {
  for (const name of ["dnsmasq", "unshare"]) {
    if (tool(name) === undefined) return `${name} is not installed`;
  }
  if (Deno.uid() !== 0) return "only root can replace /etc/resolv.conf in a namespace";
  const mount = "mount --bind /etc/resolv.conf /etc/resolv.conf";
  const { success } = new Deno.Command("unshare", {
    args: ["-m", "sh", "-c", mount],
    stdout: "null",
    stderr: "null",
  }).outputSync();
  return success ? undefined : "mount namespaces are forbidden";
}

const reason = whyNoZone();

/** Registers a test that needs {@linkcode dnsZone}; skips it with the reason. */
export function withZone(name: string, fn: () => Promise<void>): void {
  if (reason === undefined) t(name, fn);
  else skip(name, reason);
}

/** Starts a server. @param services As of `--srv-host`. */
export async function dnsZone(hosts: Hosts, services: readonly string[] = []): Promise<DnsZone> {
  const [x, y] = crypto.getRandomValues(new Uint8Array(2));
  const network = `127.${64 + x! % 128}.${1 + y! % 254}`, address = `${network}.253`;
  const folder = await Deno.makeTempDir({ prefix: "balance-test-" });
  const files = { resolv: `${folder}/resolv.conf`, hosts: `${folder}/hosts` };
  const names = `${folder}/names`, log = `${folder}/log`;
  await Deno.writeTextFile(files.resolv, `nameserver ${address}\noptions timeout:1 attempts:1\n`);
  await Deno.writeTextFile(files.hosts, "127.0.0.1 localhost\n");
  await write(names, hosts);
  let server: Deno.ChildProcess | undefined, reads = 0;

  async function start(services: readonly string[]): Promise<void> {
    server = new Deno.Command(tool("dnsmasq")!, {
      args: [
        ...["--keep-in-foreground", "--conf-file=/dev/null", "--user=root", "--pid-file="],
        ...["--no-resolv", "--no-hosts", "--port=53", "--bind-interfaces", "--local=/test/"],
        ...[`--listen-address=${address}`, `--addn-hosts=${names}`, "--local-ttl=1"],
        ...[
          `--log-facility=${log}`,
          "--log-queries",
          ...services.map((one) => `--srv-host=${one}`),
        ],
      ],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    await untilRead();
  }

  async function untilRead(): Promise<void> {
    reads++;
    await until(() => count(log, `read ${names}`) === reads, { what: "dnsmasq to read its names" });
  }

  async function stop(): Promise<void> {
    server?.kill("SIGKILL");
    await server?.status;
    server = undefined;
  }

  await start(services);
  return {
    before: `exec unshare -m sh -c 'mount --bind ${files.resolv} /etc/resolv.conf && ` +
      `mount --bind ${files.hosts} /etc/hosts && exec "$@"' sh "$@"`,
    network,
    async set(next) {
      await write(names, next);
      server?.kill("SIGHUP");
      if (server !== undefined) await untilRead();
    },
    async restart(next = services) {
      await stop();
      await start(next);
    },
    stop,
    halt: () => server?.kill("SIGSTOP"),
    asked: (name) => count(log, `] ${name} from`),
    async [Symbol.asyncDispose]() {
      await stop();
      await Deno.remove(folder, { recursive: true });
    },
  };
}

async function write(path: string, hosts: Hosts): Promise<void> {
  const lines = Object.entries(hosts).flatMap(([name, addresses]) =>
    addresses.map((address) => `${address} ${name}\n`)
  );
  await Deno.writeTextFile(path, lines.join(""));
}

/** How many lines of a file contain a text. */
function count(path: string, text: string): number {
  try {
    return Deno.readTextFileSync(path).split("\n").filter((line) => line.includes(text)).length;
  } catch {
    return 0;
  }
}
