/**
 * Runs each example of the manual page as it is printed; only hosts and ports are replaced. A test
 * without an example fails, and so does an example without a test.
 */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { type Backend, backend, hasIpv6, named, refusing } from "../../helpers/net/backends.ts";
import { ask, connect, distribution, exchange, readLine, tally } from "../../helpers/net/client.ts";
import { talk } from "../../helpers/net/control_socket.ts";
import { freePort } from "../../helpers/net/ports.ts";
import { type Example, examples } from "../../helpers/man_page.ts";
import { config, program } from "../../helpers/program/program.ts";
import { type Background, startBackground } from "../../helpers/program/start_background.ts";
import { runBalance, startBalance } from "../../helpers/program/start_balance.ts";
import { startControlled } from "../../helpers/program/start_controlled.ts";
import { runProgram } from "../../helpers/program/start_program.ts";
import { syslogReceiver } from "../../helpers/net/syslog_receiver.ts";
import { skip, t, tool, until } from "../../helpers/t.ts";

const all = examples();
const used = new Set<string>();

/** The example with this command. */
function example(command: string): Example {
  const found = all.find((one) => one.command === command);
  if (found === undefined) throw new Error(`The manual page has no example: ${command}`);
  used.add(command);
  return found;
}

/** Words that are used unchanged. */
const LITERAL =
  /^(-.*|[!%]|\d|3600|show|kill|(disable|enable) \d|mrtg-\w+ 0 0|bash|localhost::\d+)$/;

/** Arguments of an example, its hosts and ports replaced by `words`. */
function here(command: string, words: Readonly<Record<string, string | string[]>>): string[] {
  // The test takes the place of the program after a pipe.
  const [own = ""] = example(command).command.split(" | ");
  const [name, ...args] = [...own.matchAll(/"([^"]*)"|(\S+)/g)]
    .map(([, quoted, plain]) => quoted ?? plain ?? "");
  assertEquals(name, "balance");
  return args.flatMap((word) => {
    const here = words[word] ?? (LITERAL.test(word) ? word : undefined);
    assert(here !== undefined, `${command}: the test has no replacement for ${word}`);
    return here;
  });
}

/** Address of balance, where other hosts listen on the same port. */
const OWN = "127.0.0.1";
const HOSTS = ["127.0.0.2", "127.0.0.3", "127.0.0.4"] as const;

/** B0, B1 ... on one port of different hosts; `own` replaces the port of the example. */
function sameport(count: number): AsyncDisposable & {
  port: number;
  own: string[];
  backends: Backend[];
} {
  const port = freePort();
  const backends = HOSTS.slice(0, count).map((hostname, i) => named(`B${i}`, { hostname, port }));
  return {
    port,
    own: ["-b", OWN, "PORT"],
    backends,
    async [Symbol.asyncDispose]() {
      await Promise.all(backends.map((one) => one.stop()));
    },
  };
}

function onOwn(argv: string[], port: number): Promise<Background> {
  return startBackground(argv, { port, address: OWN });
}

const SHARE = "balance smtp mailhost1:smtp mailhost2:25 mailhost3";
t(`example: ${SHARE}`, async () => {
  await using hosts = sameport(1);
  await using b1 = named("B1");
  await using b2 = named("B2");
  await using _balance = await onOwn(
    here(SHARE, {
      smtp: hosts.own,
      "mailhost1:smtp": b1.address,
      "mailhost2:25": b2.address,
      mailhost3: HOSTS[0],
    }),
    hosts.port,
  );
  assertEquals(await distribution(hosts.port, 6), "B0: 2, B1: 2, B2: 2");
});

const STANDBY = "balance pop3 primary ! standby1 ! standby2";
t(`example: ${STANDBY}`, async () => {
  await using hosts = sameport(3);
  const [primary, standby1, standby2] = HOSTS;
  const argv = here(STANDBY, { pop3: hosts.own, primary, standby1, standby2 });
  await using _balance = await onOwn(argv, hosts.port);
  assertEquals(await distribution(hosts.port, 2), "B0: 2");
  await hosts.backends[0]?.stop();
  assertEquals(await distribution(hosts.port, 2), "B1: 2");
  await hosts.backends[1]?.stop();
  assertEquals(await distribution(hosts.port, 2), "B2: 2");
});

const LIMITED = "balance imap2 fast1::16 fast2::16 ! slow";
t(`example: ${LIMITED}`, async () => {
  await using hosts = sameport(3);
  const [fast1, fast2, slow] = HOSTS;
  const argv = here(LIMITED, {
    imap2: hosts.own,
    "fast1::16": `${fast1}::16`,
    "fast2::16": `${fast2}::16`,
    slow,
  });
  await using _balance = await onOwn(argv, hosts.port);
  await using clients = new AsyncDisposableStack();
  for (let i = 0; i < 34; i++) {
    const client = clients.use(await connect(hosts.port));
    assertEquals(await readLine(client), i < 32 ? `B${i % 2}` : "B2");
  }
});

const STICKY = "balance 8080 web1:80 web2:80 web3:80 %";
t(`example: ${STICKY}`, async () => {
  await using b0 = named("B0");
  await using b1 = named("B1");
  await using b2 = named("B2");
  const web = { "web1:80": b0.address, "web2:80": b1.address, "web3:80": b2.address };
  await using balance = await startBackground(here(STICKY, { 8080: "PORT", ...web }));
  assertMatch(await distribution(balance.port, 4), /^B[012]: 4$/);
});

const SORRY = "balance -H 8080 web1:80 web2:80 % sorry:80";
t(`example: ${SORRY}`, async () => {
  const web = [named("B0"), named("B1")] as const;
  await using _b0 = web[0];
  await using _b1 = web[1];
  await using sorry = named("sorry");
  await using balance = await startBackground(here(SORRY, {
    8080: "PORT",
    "web1:80": web[0].address,
    "web2:80": web[1].address,
    "sorry:80": sorry.address,
  }));
  const first = await ask(balance.port);
  const other = first === "B0" ? "B1" : "B0";
  await web[first === "B0" ? 0 : 1].stop();
  assertEquals(await distribution(balance.port, 2), `${other}: 2`);
  await web[first === "B0" ? 1 : 0].stop();
  assertEquals(await distribution(balance.port, 2), "sorry: 2");
});

/** A web server that answers every request with its name. */
function webServer(name: string): Backend {
  const head = `HTTP/1.0 200 OK\r\nContent-Length: ${name.length}\r\n\r\n`;
  return backend(async (conn) => {
    if (await conn.read(new Uint8Array(1024)) === null) return;
    await conn.write(new TextEncoder().encode(`${head}${name}`));
  });
}

const CHECKED = "balance --check http:/health --wait 5 8080 web1:80,weight=2 web2:80";
t(`example: ${CHECKED}`, async () => {
  await using b0 = webServer("B0");
  await using b1 = webServer("B1");
  await using balance = await startBackground(here(CHECKED, {
    "http:/health": "http:/health",
    5: "5",
    8080: "PORT",
    "web1:80,weight=2": `${b0.address},weight=2`,
    "web2:80": b1.address,
  }));
  const names: string[] = [];
  for (let i = 0; i < 6; i++) {
    const answer = await exchange(balance.port, new TextEncoder().encode("GET / HTTP/1.0\r\n\r\n"));
    names.push(new TextDecoder().decode(answer).slice(-2));
  }
  assertEquals(tally(names), "B0: 4, B1: 2");
});

const LEAST = "balance --check tcp --schedule least 5432 db1:5432:100 db2:5432:100 ! db3:5432";
t(`example: ${LEAST}`, async () => {
  const db = [named("B0"), named("B1"), named("B2")] as const;
  await using _b0 = db[0];
  await using _b1 = db[1];
  await using _b2 = db[2];
  await using balance = await startBackground(here(LEAST, {
    tcp: "tcp",
    least: "least",
    5432: "PORT",
    "db1:5432:100": `${db[0].address}:100`,
    "db2:5432:100": `${db[1].address}:100`,
    "db3:5432": db[2].address,
  }));
  await using held = new AsyncDisposableStack();
  const names: string[] = [];
  for (let i = 0; i < 4; i++) {
    names.push(await readLine(held.use(await connect(balance.port))));
  }
  assertEquals(tally(names), "B0: 2, B1: 2");
  await db[0].stop();
  assertEquals(await distribution(balance.port, 2), "B1: 2");
  await db[1].stop();
  assertEquals(await distribution(balance.port, 2), "B2: 2");
});

const ITSELF =
  "balance 8888 localhost::12 ! localhost::4 ! localhost::2 localhost::2 ! localhost:25";
t(`example: ${ITSELF}`, async () => {
  await using server = named("B0");
  await using balance = await startBackground(
    here(ITSELF, { 8888: "PORT", "localhost:25": server.address }),
  );
  await using client = await connect(balance.port);
  assertEquals(await readLine(client), "B0");
  const rows = (await talk(balance.socket, "show\n")).trimEnd().split("\n").slice(1);
  assertEquals(rows.map((row) => row.trim().split(/\s+/)[6]), ["12", "4", "2", "2", "1"]);
});

const CAREFUL = "balance -a -t 2 8080 web1:80 web2:80";
t(`example: ${CAREFUL}`, async () => {
  await using dead = refusing();
  await using server = named("B1");
  await using log = syslogReceiver();
  await using balance = await startBackground(
    here(CAREFUL, { 8080: "PORT", "web1:80": dead.address, "web2:80": server.address }),
    { env: { BALANCE_SYSLOG: log.path } },
  );
  assertEquals(await ask(balance.port), "B1");
  assertMatch(await talk(balance.socket, "show\n"), / dis .*\n.* ENA .*\n$/);
  assertStringIncludes((await log.waitFor(2)).join(), "connection failed group 0 channel 0");
});

const FROM = "balance -b 192.0.2.1 -B 192.0.2.2 -T 3600 8080 web1:80";
t(`example: ${FROM}`, async () => {
  await using server = named("B0");
  const port = freePort();
  const argv = here(FROM, {
    "192.0.2.1": OWN,
    "192.0.2.2": "127.0.0.7",
    8080: "PORT",
    "web1:80": server.address,
  });
  let started: Background;
  try {
    started = await onOwn(argv, port);
  } catch (error) {
    assertStringIncludes((error as Error).message, "-B needs 2.7.13");
    console.log(`skipped: ${FROM}: this runtime ignores -B, so balance refuses it`);
    return;
  }
  await using _balance = started;
  assertEquals(await ask(port), "B0");
  assertEquals(server.peers, ["127.0.0.7"]);
});

const BOTH = "balance -6 8080 [2001:db8::1]:80 192.0.2.80:80";
if (!hasIpv6) {
  example(BOTH);
  skip(`example: ${BOTH}`, "this machine has no IPv6");
} else {
  t(`example: ${BOTH}`, async () => {
    await using b0 = named("B0", { hostname: "::1" });
    await using b1 = named("B1");
    const argv = here(BOTH, {
      8080: "PORT",
      "[2001:db8::1]:80": b0.address,
      "192.0.2.80:80": b1.address,
    });
    await using balance = await startBackground(argv, { address: "::" });
    assertEquals(await ask(balance.port), "B0");
    assertEquals(await ask(balance.port, { hostname: "::1" }), "B1");
  });
}

const LOOK = "balance -fp 8080 web1:80";
t(`example: ${LOOK}`, async () => {
  await using server = named("B0");
  await using balance = await startBalance(
    here(LOOK, { 8080: "PORT", "web1:80": server.address }),
  );
  {
    await using client = await connect(balance.port);
    assertEquals(await readLine(client), "B0");
    await client.send("hello\n");
    assertEquals(await readLine(client), "hello");
  }
  await balance.waitForStdout(/^-< 3\nB0\\0A\n\n-> 6\nhello\\0A\n\n-< 6\nhello\\0A\n/);
});

const WIRESHARK = "balance -f --dump-format pcapng --dump-file - 8080 web1:80 | wireshark -k -i -";
t(`example: ${WIRESHARK}`, async () => {
  await using server = named("B0");
  await using balance = await startBalance(
    here(WIRESHARK, { 8080: "PORT", "web1:80": server.address, pcapng: "pcapng" }),
  );
  assertEquals(await ask(balance.port), "B0");
  await balance.waitForStdout(/B0\n/);
  assertEquals([...balance.stdoutBytes.subarray(0, 4)], [0x0a, 0x0d, 0x0d, 0x0a]);
});

const LOG = "balance --log /var/log/balance.log 8080 web1:80 web2:80";
t(`example: ${LOG}`, async () => {
  await using b0 = named("B0");
  await using b1 = named("B1");
  const rundir = await Deno.makeTempDir({ prefix: "balance-test-" });
  const file = `${rundir}/balance.log`;
  try {
    await using balance = await startBackground(
      here(LOG, {
        "/var/log/balance.log": file,
        8080: "PORT",
        "web1:80": b0.address,
        "web2:80": b1.address,
      }),
      { rundir },
    );
    assertEquals(await distribution(balance.port, 2), "B0: 1, B1: 1");
    const text = await until(() => {
      const found = Deno.readTextFileSync(file);
      return found.split("\n").length > 2 ? found : undefined;
    });
    for (const one of [b0, b1]) assertStringIncludes(text, ` backend=${one.address} `);
  } finally {
    await Deno.remove(rundir, { recursive: true });
  }
});

const SHOW = "balance -c show 8080";
const OUT = 'balance -c "disable 1" 8080';
const IN = 'balance -c "enable 1" 8080';
const DUMP = 'balance -c "dump on pcapng /tmp/one.pcapng client 192.0.2.7" 8080';
const NO_DUMP = 'balance -c "dump off" 8080';
const SHELL = "balance -i 8080";
const BYTES = 'balance -c "mrtg-bytes 0 0" 8080';
const CONNS = 'balance -c "mrtg-conns 0 0" 8080';
const STRICT = 'balance --strict -c "enable 7" 8080';
const KILL = "balance -c kill 8080";
t("examples: commands for a running balance", async () => {
  await using b0 = named("B0");
  await using b1 = named("B1");
  await using balance = await startControlled([
    "-f",
    "PORT",
    b0.address,
    b1.address,
    "!",
    b1.address,
  ]);
  const file = `${balance.rundir}/one.pcapng`;
  const words = {
    8080: "PORT",
    "dump on pcapng /tmp/one.pcapng client 192.0.2.7": `dump on pcapng ${file} client 127.0.0.1`,
    "dump off": "dump off",
  };
  const run = (command: string, stdin?: string) =>
    runBalance(here(command, words), {
      port: balance.port,
      rundir: balance.rundir,
      ...(stdin === undefined ? {} : { stdin: { text: stdin } }),
    });
  async function answer(command: string): Promise<string> {
    const { code, stdout, stderr } = await run(command);
    assertEquals({ code, stderr }, { code: 0, stderr: "" });
    return stdout;
  }

  assertMatch(await answer(SHOW), /^GRP Type .*\n(?: +[01] +RR .*\n){3}$/);
  assertEquals(await answer(OUT), "channel 1 disabled\n");
  assertEquals(await distribution(balance.port, 2), "B0: 2");
  assertEquals(await answer(IN), "channel 1 enabled\n");
  assertEquals(await distribution(balance.port, 2), "B0: 1, B1: 1");
  assertEquals(await answer(BYTES), "9\n0\nUNKNOWN\ngroup 0 channel 0\n");
  assertEquals(await answer(CONNS), "3\nUNKNOWN\nUNKNOWN\ngroup 0 channel 0\n");

  assertEquals(await answer(DUMP), `dump on: pcapng to ${file}, client 127.0.0.1\n`);
  const name = await ask(balance.port);
  assertEquals(await answer(NO_DUMP), "dump off\n");
  assertStringIncludes(new TextDecoder().decode(await Deno.readFile(file)), `${name}\n`);

  const lines = example(SHELL).shown;
  const prompt = /^(balance\[\d+\] )(.*)$/;
  const typed = lines.flatMap((line) => prompt.exec(line)?.[2] ?? [])
    .map((line) => line === "create web4 80" ? `create 127.0.0.1 ${b0.port}` : line);
  // A pipe does not echo what is typed.
  const expected = lines.map((line) => prompt.exec(line)?.[1] ?? `${line}\n`).join("")
    .replace(/is \d+$/m, `is ${balance.pid}`).replace(
      /^balance \S+ i/m,
      `balance ${config().version} i`,
    );
  const { code, stdout } = await run(SHELL, `${typed.join("\n")}\n`);
  assertEquals(stdout, expected);
  assertEquals(code, 0);
  assertMatch((await answer(SHOW)).split("\n")[4] ?? "", /^ {2}1 {3}RR {2}1 ENA .* 100 +0 +0$/);

  const refused = await run(STRICT);
  assertEquals([refused.code, refused.stdout], [1, "no such channel 7\n"]);
  assertEquals(await answer(KILL), "shutdown complete, exiting.\n");
  assertEquals((await balance.ended).code, 0);
});

const COMPLETE = "source <(balance --completions bash)";
const bash = tool("bash");
example(COMPLETE);
if (bash === undefined) skip(`example: ${COMPLETE}`, "bash is not installed");
else {
  t(`example: ${COMPLETE}`, async () => {
    const { command, args } = program({ cachedOnly: true });
    const script = `run=("$@")
balance() { "\${run[@]}" "$@"; }
${COMPLETE}; complete -p balance`;
    const { stdout, stderr } = await runProgram(bash, ["-c", script, "bash", command, ...args]);
    assertEquals({ stdout, stderr }, { stdout: "complete -F _balance balance\n", stderr: "" });
  });
}

t("every example of the manual page has a test", () => {
  assertEquals(all.map(({ command }) => command).filter((one) => !used.has(one)), []);
});
