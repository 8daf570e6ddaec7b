/** Hostile input: control socket, command line, addresses, and bytes for the dump. */
import { assert, assertEquals } from "@std/assert";
import { Buffer } from "node:buffer";
import { isIPv4, isIPv6 } from "node:net";
import { parseCidr } from "../../lib/address/cidr.ts";
import { formatIp, parseIp } from "../../lib/address/ip.ts";
import { parseChannelSpec } from "../../lib/address/channel_spec.ts";
import { systemServices } from "../../lib/address/services.ts";
import { ExitError } from "../../lib/base/errors.ts";
import { parseGroups } from "../../lib/cli/groups.ts";
import { parseOptions } from "../../lib/cli/options.ts";
import { writeAll } from "../../lib/base/bytes.ts";
import { readToEnd } from "../helpers/net/client.ts";
import { connectUnix, controlSession, talk } from "../helpers/net/control_socket.ts";
import { drawer } from "../helpers/drawer.ts";
import { parseDump } from "../helpers/dump/packet_dump.ts";
import { pool } from "../helpers/pool.ts";
import { startBalance } from "../helpers/program/start_balance.ts";
import { startControlled } from "../helpers/program/start_controlled.ts";
import { t, until } from "../helpers/t.ts";
import { addressText, commandLine, controlLine } from "./helpers/fuzz.ts";
import { echoOrigin } from "./helpers/origin.ts";
import { figure, mib, scaled, SEED } from "./helpers/sizes.ts";
import { CRASH, startWith } from "./helpers/start_with.ts";
import { shortConnection } from "./helpers/traffic.ts";
import { randomBytes } from "../helpers/bytes.ts";

/** The exit codes documented in balance(1), and 128 + the number of a signal. */
const EXIT_CODES = [0, 1, 64, 65, 69, 70, 71, 73, 74, 77, 129, 130, 143];
const BATCH = 100;

/** Sends lines and counts the answers until one ends the session. */
async function fuzzSession(socket: string, lines: readonly Uint8Array[]): Promise<number> {
  using conn = await connectUnix(socket);
  const whole = new Blob([".hello\n", ...lines.flatMap((line) => [line as BlobPart, "\n"])]);
  // The server stops reading when the session is over.
  const sending = writeAll(conn, new Uint8Array(await whole.arrayBuffer())).then(
    () => conn.closeWrite(),
  ).catch(() => {});
  const { bytes } = await readToEnd(conn, { timeoutMs: 60_000 });
  await sending;
  let at = bytes.indexOf(10) + 1, answers = 0;
  assert(JSON.parse(Buffer.from(bytes.subarray(0, at)).toString()).pid > 0);
  while (at < bytes.length) {
    const end = bytes.indexOf(10, at);
    const head = JSON.parse(Buffer.from(bytes.subarray(at, end)).toString());
    assertEquals(typeof head.failed, "boolean");
    at = end + 1 + head.bytes;
    answers++;
    if (head.over !== undefined) break;
  }
  assertEquals(at, bytes.length, "bytes after the last answer");
  return answers;
}

t("control socket: 100,000 hostile lines get one answer each, and it still works", async () => {
  const count = scaled(100_000, 2000);
  const draw = drawer(SEED);
  console.log(`seed ${SEED}`);
  const cwd = await Deno.makeTempDir({ prefix: "balance-test-" });
  await using stack = new AsyncDisposableStack();
  stack.defer(() => Deno.remove(cwd, { recursive: true }));
  await using server = echoOrigin();
  await using balance = await startControlled(["-f", "PORT", server.address], { cwd });
  const before = balance.rss(), fds = await balance.quietFds();
  const started = performance.now();
  let answered = 0, sessions = 0;
  while (answered < count) {
    const lines = Array.from({ length: BATCH }, () => controlLine(draw));
    answered += await fuzzSession(balance.socket, lines);
    sessions++;
  }
  const seconds = (performance.now() - started) / 1000;
  figure(
    "control fuzz",
    `${answered} lines answered in ${sessions} sessions, ${seconds.toFixed(0)} s, seed ${SEED}; ` +
      `RSS ${mib(before)} before, ${mib(balance.rss())} after`,
  );
  assert(balance.rss() < before + (64 << 20), "memory grew");
  using session = await controlSession(balance.socket);
  for (let group = 0; group < 16; group++) {
    await session.ask(`group ${group}`);
    for (let channel = 0; channel < 16; channel++) await session.ask(`disable ${channel}`);
    await session.ask("rr");
  }
  await session.ask("group 0");
  const { port } = server;
  const assigned = await session.ask(`assign 0 127.0.0.1 ${port}`);
  if (assigned.failed) assertEquals((await session.ask(`create 127.0.0.1 ${port}`)).failed, false);
  for (let channel = 0; channel < 16; channel++) await session.ask(`maxc ${channel} 0`);
  await session.ask("enable 0");
  for (let i = 0; i < 20; i++) await shortConnection(balance.port);
  session[Symbol.dispose]();
  await balance.settledFds(fds);
});

t(
  "control socket: clients that disconnect, send no newline, or never read do no harm",
  async () => {
    await using server = echoOrigin();
    await using balance = await startControlled(["-f", "PORT", server.address]);
    const before = balance.rss(), fds = await balance.quietFds();
    const draw = drawer(SEED + 1);
    const conns: Deno.UnixConn[] = [];
    for (let i = 0; i < scaled(500, 60); i++) {
      const conn = await connectUnix(balance.socket);
      await writeAll(conn, controlLine(draw)).catch(() => {});
      if (draw.percent(80)) conn.close();
      else if (conns.push(conn) > 20) conns.shift()?.close();
    }
    // A client that sends without end and never reads is stalled by its own socket. It connects after
    // the server has noticed that earlier ones are gone, since their number is limited.
    await until(async () => (await talk(balance.socket, "version\n")).length > 0, {
      what: "version",
    });
    const greedy = await connectUnix(balance.socket);
    let enough = false;
    const flood = (async () => {
      while (!enough) await writeAll(greedy, new TextEncoder().encode("show\n".repeat(2000)));
      await greedy.closeWrite();
    })();
    await until(async () => (await talk(balance.socket, "version\n")).length > 0, {
      what: "version",
    });
    assert(balance.rss() < before + (32 << 20), "memory grew");
    enough = true;
    await readToEnd(greedy, { timeoutMs: 30_000 });
    await flood;
    greedy.close();
    for (const conn of conns) conn.close();
    assertEquals(await talk(balance.socket, "nonsense\n"), "syntax error\n");
    await balance.settledFds(fds);
  },
);

t("command line: any arguments end with a documented exit code and no stack trace", async () => {
  const count = scaled(300, 24);
  console.log(`seed ${SEED}`);
  const draw = drawer(SEED + 2);
  // A port in use on all addresses, so that hardly any of them starts to serve.
  const taken = Deno.listen({ hostname: "0.0.0.0", port: 0 });
  const lines = Array.from({ length: count }, () => commandLine(draw, String(taken.addr.port)));
  const codes = new Map<number, number>();
  const cwd = await Deno.makeTempDir({ prefix: "balance-test-" });
  try {
    await pool(
      lines,
      { limit: 3, name: (argv) => JSON.stringify(argv).slice(0, 500) },
      (argv) => runOne(argv, { cwd, ended: (code) => codes.set(code, (codes.get(code) ?? 0) + 1) }),
    );
  } finally {
    taken.close();
    await Deno.remove(cwd, { recursive: true });
  }
  const sorted = [...codes].sort(([a], [b]) => a - b);
  figure(
    "command line fuzz",
    `${count} command lines, exit codes: ${
      sorted.map(([code, n]) => `${code} (${n})`).join(", ")
    }; seed ${SEED}`,
  );
});

async function runOne(
  argv: readonly string[],
  { cwd, ended }: { cwd: string; ended: (code: number) => void },
): Promise<void> {
  await using started = startWith(argv, { cwd });
  // A program in the foreground is stopped by a signal, one in the background by `kill`.
  const serving = setTimeout(() => started.kill("SIGTERM"), 15_000);
  const { code, stdout, stderr } = await started.ended;
  clearTimeout(serving);
  ended(code);
  for (const entry of Deno.readDirSync(started.rundir)) {
    await talk(`${started.rundir}/${entry.name}`, "kill\n").catch(() => {});
  }
  assert(EXIT_CODES.includes(code), `exit code ${code}: ${stderr}`);
  for (const text of [stdout, stderr]) assert(!CRASH.test(text), `a stack trace: ${text}`);
  if (code !== 0 && code < 128) {
    assert(`${stdout}${stderr}`.trim() !== "", `exit code ${code} without output`);
  }
}

t("command line: 100,000 are parsed or refused with an exit code in this process", () => {
  const draw = drawer(SEED + 3);
  const services = systemServices();
  let parsed = 0;
  for (let i = 0; i < scaled(100_000, 5000); i++) {
    const argv = commandLine(draw, "8080");
    try {
      const { channels, maxGroups, maxChannels } = parseOptions(argv);
      parseGroups(channels, { defaultPort: 8080, services, maxGroups, maxChannels });
      parsed++;
    } catch (error) {
      if (!(error instanceof ExitError)) throw new Error(JSON.stringify(argv), { cause: error });
      assert(EXIT_CODES.includes(error.exitCode));
    }
  }
  assert(parsed > 100, `only ${parsed} were parsed: the input is too random`);
});

t("addresses: valid ones are read like node:net reads them, everything else is refused", () => {
  const draw = drawer(SEED + 4);
  const services = systemServices();
  let addresses = 0;
  for (let i = 0; i < scaled(500_000, 20_000); i++) {
    const text = addressText(draw);
    const bytes = parseIp(text);
    const what = JSON.stringify(text);
    if (isIPv4(text)) assertEquals([...bytes ?? []], text.split(".").map(Number), what);
    // Zones (%) are not accepted; an IPv4 tail is read like inet_aton(3).
    if (text.includes(":") && !/[%.]/.test(text)) {
      assertEquals(bytes !== undefined, isIPv6(text), what);
    }
    if (bytes !== undefined) {
      addresses++;
      assertEquals(parseIp(formatIp(bytes)), bytes, what);
    }
    const bits = draw.below(140);
    assertParsesOrRefuses(() => parseCidr(`${text}/${bits}`), what);
    assertParsesOrRefuses(() => parseChannelSpec(text, { defaultPort: 1, services }), what);
  }
  for (let i = 0; i < 2000; i++) {
    const bytes = randomBytes(draw.percent(50) ? 4 : 16, draw.below(2 ** 31));
    if (draw.percent(50)) bytes.fill(0, draw.below(4), draw.below(16));
    const text = formatIp(bytes);
    assertEquals([...parseIp(text) ?? []], [...bytes], text);
    assert(bytes.length === 4 ? isIPv4(text) : isIPv6(text), text);
  }
  figure("addresses fuzz", `${addresses} addresses among ${scaled(500_000, 20_000)} texts`);
});

/** Asserts that a parser throws nothing but an error with an exit code. */
function assertParsesOrRefuses(parse: () => unknown, what: string): void {
  try {
    parse();
  } catch (error) {
    if (!(error instanceof ExitError)) throw new Error(what, { cause: error });
  }
}

t("dump: random conversations can be decoded byte for byte", async () => {
  const count = scaled(200, 20);
  const draw = drawer(SEED + 5);
  await using server = echoOrigin();
  await using balance = await startBalance(["-f", "-p", "PORT", server.address]);
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  for (let i = 0; i < count; i++) {
    using conn = await Deno.connect({ hostname: "127.0.0.1", port: balance.port });
    const reading = readToEnd(conn);
    for (let n = draw.below(5); n >= 0; n--) {
      const bytes = randomBytes(
        draw.percent(10) ? draw.below(70_000) : draw.below(300),
        draw.below(2 ** 31),
      );
      // Difficult input: escapes, arrows and line ends of the format itself.
      if (draw.percent(50)) {
        const text = new TextEncoder().encode(
          draw.of(["\\0a", "-> 5\n", "-< 0\n", "\\\\", "\n\n", "\r\n"]),
        );
        for (let at = 0; at + text.length < bytes.length; at += 1 + draw.below(40)) {
          bytes.set(text, at);
        }
      }
      await writeAll(conn, bytes);
      pieces.push(bytes);
    }
    await conn.closeWrite();
    await reading;
  }
  const { stdoutBytes } = await balance.stop().then(() => balance);
  const sent = Buffer.concat(pieces);
  const blocks = parseDump(stdoutBytes);
  for (const arrow of ["->", "-<"]) {
    const got = Buffer.concat(blocks.filter((one) => one.arrow === arrow).map((one) => one.bytes));
    assert(got.equals(sent), `${arrow}: ${got.length} bytes differ from ${sent.length}`);
  }
  figure(
    "dump fuzz",
    `${blocks.length} blocks of ${count} connections, ${mib(2 * sent.length)} read back`,
  );
});
