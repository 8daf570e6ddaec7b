/**
 * How connections end: close, half-close, reset, timeouts, no available channel, `-B`, `-b`. Each
 * record is played with the program as a subprocess, and again in this process, where the counters
 * can be read.
 */

import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { designed } from "./deviations.ts";
import { accepting, type Peer } from "../helpers/net/accepting.ts";
import { blackHole, canReset, type DeadEnd, named } from "../helpers/net/backends.ts";
import {
  ask,
  canBindSource,
  type Client,
  connect,
  type End,
  readExactly,
  readLine,
  readText,
  readToEnd,
} from "../helpers/net/client.ts";
import { deadPort } from "../helpers/net/ports.ts";
import { hasRawSockets } from "../helpers/net/raw_sockets.ts";
import { latin1FromBytes, loadGolden } from "../helpers/golden/golden.ts";
import { pool } from "../helpers/pool.ts";
import { cpuWaitSeconds } from "../helpers/program/process.ts";
import { programBindsSource } from "../helpers/program/binds_source.ts";
import {
  asProgram,
  inProcess,
  type RunMode,
  type RunningBalance,
} from "../helpers/program/run_modes.ts";
import { runBalance } from "../helpers/program/start_balance.ts";
import { type RunningTime, runningTime } from "../helpers/running_time.ts";
import { skip, t, until, untilStill } from "../helpers/t.ts";

/** How one side saw the end. */
interface Saw {
  end?: End;
  bytes?: number;
  data?: string;
  seconds?: number;
  /** `seconds` is recorded; this is measured. */
  took?: Seconds;
  later_send?: string;
  first?: string;
  peer?: string;
  then?: Saw;
  send?: string;
}

interface CloseRecord {
  name: string;
  version?: string;
  options?: string[];
  client_saw?: Saw | string | null;
  backend_saw?: Saw | null;
  c_after?: number;
  totalc?: number;
  sent?: number | string;
  rcvd?: number;
  stderr?: string;
  exit_code?: number;
  chosen?: string | [string, number][];
  seconds?: number;
  channels_after?: (string | number)[][];
  debug_events?: string[];
  next_connection?: string;
  children_before?: number;
  dump_ends_with_final_record?: boolean | string;
  next_client_sees?: string;
  client_bytes_that_reached_backend?: number;
  via_127_0_0_1?: string;
  via_127_0_0_9?: string;
}

/** A moment, by `performance.now()` and by the running time of this process. */
interface Moment {
  readonly wall: number;
  readonly running: number;
}

/** Seconds since a moment. */
type Seconds = Moment;

/** A conversation: balance, its client, and the backend's end of the same connection. */
interface Session {
  record: CloseRecord;
  /** When the client started to connect. */
  since: Moment;
  stage: RunningBalance;
  client: Client;
  peer: Peer;
}

/** Plays a record and asserts its results. */
type Script = (record: CloseRecord, on: RunMode) => Promise<void>;

/**
 * Seconds by which a result may be later than recorded: a busy machine delays both sides, and
 * balance does not count time during which it could not run. Measured by the running time of this
 * process, of which the same is true.
 */
const LATE_S = 6;
/** Seconds by which it may be earlier: balance checks the time only at its ticks. Real time. */
const EARLY_S = 0.3;
/** Milliseconds between two bytes: well below the timeout of a second, all of them above it. */
const PAUSE_MS = 400;
/** That timeout. */
const TIMEOUT_S = 1;
const BOTH = [asProgram, inProcess];

const records = designed(
  "close",
  loadGolden<CloseRecord>("close").filter(({ version }) => version !== "3.57"),
);
const sourceBinds = await canBindSource();
const programBinds = await programBindsSource();

/** Marks a promise that is awaited later, so that its failure alone does not end the test. */
function awaitedLater<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}

/** Measures while the records are played. */
let time: RunningTime | undefined;

function moment(): Moment {
  return { wall: performance.now(), running: time?.ms ?? NaN };
}

function secondsSince({ wall, running }: Moment): Seconds {
  const now = moment();
  return { wall: (now.wall - wall) / 1000, running: (now.running - running) / 1000 };
}

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * A script over one connection; the counters are asserted at its end, unless the machine was too
 * busy to play the record.
 */
function session(
  play: (session: Session) => Promise<void | "too busy">,
  options: { reset?: "client" | "backend"; viaCalls?: boolean; maxc?: number } = {},
): Script {
  return async (record, on) => {
    const { reset, viaCalls = false } = options;
    await using backend = await accepting({ viaNode: reset === "backend", viaCalls });
    const channel = `${backend.address}:${options.maxc ?? 0}`;
    await using stage = await on.start(["-f", ...record.options ?? [], "PORT", channel]);
    const since = moment();
    await using client = await connect(stage.port, { viaNode: reset === "client" });
    const peer = await backend.accept();
    const played = await play({ record, since, stage, client, peer });
    await client.close();
    peer.close();
    await stage.idle?.();
    if (played === "too busy") return;
    if (record.stderr !== undefined) {
      await assertPrinted(
        () => stage.stderr().replace(/from 127\.0\.0\.1:\d+ /, "from <CLIENT> "),
        record.stderr,
      );
    }
    const row = stage.row?.(0);
    if (row === undefined) return;
    if (record.c_after !== undefined) assertEquals([row.c, row.totalc], [record.c_after, 1]);
    if (typeof record.sent === "number") assertEquals(Number(row.sent), record.sent);
    else if (record.sent !== undefined) assert(row.sent > 0n);
    // How much of a flood passes depends on buffers.
    if (record.rcvd !== undefined && record.rcvd < 1000) {
      assertEquals(Number(row.rcvd), record.rcvd);
    } else if (record.rcvd !== undefined) assert(row.rcvd > 0n);
  };
}

/** Reads to the end: how it ended, the bytes, and the time after `since` (default: now). */
async function sawOf(from: Client | Peer, since = moment()): Promise<Saw> {
  const { end, text } = await readToEnd(
    { read: (buffer) => from.read(buffer) },
    { timeoutMs: 20_000 },
  );
  return { end, bytes: text.length, data: text, took: secondsSince(since) };
}

/** Asserts what one side saw; its time only if the recorded one is a timeout of balance. */
function assertSaw(saw: Saw, recorded: CloseRecord["client_saw"]): void {
  assert(typeof recorded === "object" && recorded !== null);
  assertEquals([saw.end, saw.bytes, saw.data], [recorded.end, recorded.bytes, recorded.data]);
  if ((recorded.seconds ?? 0) >= 1) assertTook(saw.took, recorded.seconds);
}

function assertTook(took: Seconds | undefined, recorded = NaN): void {
  const { wall, running } = took ?? { wall: NaN, running: NaN };
  assert(
    wall > recorded - EARLY_S && running < recorded + LATE_S,
    `took ${wall} s (${running} s of running time) instead of ${recorded} s`,
  );
}

/** Sends until sending fails. */
async function sendUntilItFails(to: Client | Peer, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
  using sending = runningTime();
  await assertRejects(async () => {
    while (sending.ms < 5000) {
      await to.send(bytes);
      await wait(1);
    }
  });
}

/** One side sends four bytes with pauses; then both are idle. */
const activity = (sender: "client" | "backend") =>
  session(async ({ record, stage, client, peer }): Promise<void | "too busy"> => {
    const [from, to] = sender === "client" ? [client, peer] : [peer, client];
    const waited = cpuWaitSeconds(stage.pid ?? Deno.pid);
    let last = moment(), longest = 0;
    try {
      const other = awaitedLater(sawOf(to));
      for (let i = 0; i < 4; i++) {
        await wait(PAUSE_MS);
        longest = Math.max(longest, secondsSince(last).wall);
        last = moment();
        await from.send(sender === "client" ? "x" : "y");
      }
      const own = await sawOf(from, last);
      const [recordedOwn, recordedOther] = sender === "client"
        ? [record.client_saw, record.backend_saw]
        : [record.backend_saw, record.client_saw];
      assertSaw(own, recordedOwn);
      // The recorded time has another starting point; everything else is equal.
      assertSaw(await other, Object.assign({}, recordedOther, { seconds: 0 }));
    } catch (error) {
      // For lack of CPU time, a byte was sent or seen too late. Then balance was right.
      const late = longest + cpuWaitSeconds(stage.pid ?? Deno.pid) - waited;
      if (late < TIMEOUT_S - EARLY_S) throw error;
      return "too busy";
    }
  });

const idle = session(async ({ record, since, client, peer }) => {
  const [sawClient, sawBackend] = await Promise.all([sawOf(client, since), sawOf(peer, since)]);
  assertSaw(sawClient, record.client_saw);
  assertSaw(sawBackend, record.backend_saw);
});

/** The client closes while the backend floods it, with or without a half-close first. */
const leaving = (halfClose: boolean) =>
  session(async ({ client, peer }) => {
    const flood = awaitedLater(sendUntilItFails(peer, new Uint8Array(65536).fill(0x78)));
    await readExactly(client, 100_000);
    if (halfClose) await client.closeWrite();
    await readExactly(client, 50_000);
    await client.close();
    await flood;
  });

/** No channel is available: the client's connection is ended at once. */
function nothingAvailable(why: string, sendsFirst: boolean): Script {
  return async (record, on) => {
    await using backend = named("B0");
    const dead = `127.0.0.1:${deadPort()}`;
    const channels = {
      all_disabled: [backend.address],
      all_dead: [dead, dead],
      no_channels: [],
      maxc_full: [`${backend.address}:1`],
    }[why];
    await using stage = await on.start(["-f", "PORT", ...channels ?? []]);
    if (why === "all_disabled") stage.disable?.(0);
    await using first = why === "maxc_full" ? await connect(stage.port) : undefined;
    if (first !== undefined) assertEquals(await readLine(first), "B0");
    await using client = await connect(stage.port);
    // The connection may be over already, and then sending fails.
    if (sendsFirst) await client.send("hello").catch(() => {});
    const saw = await sawOf(client);
    assert(typeof record.client_saw === "object" && record.client_saw !== null);
    assertEquals([saw.bytes, saw.data], [record.client_saw.bytes, record.client_saw.data]);
    // A client that has already sent usually sees a reset, but not always.
    if (sendsFirst) assertMatch(saw.end ?? "", /^(EOF|RST)$/);
    else assertEquals(saw.end, record.client_saw.end);
    assertTook(saw.took, 0);
  };
}

/** The only channel never answers. */
const timeoutOnly: Script = async (record, on) => {
  const hole = await theHole();
  await using stage = await on.start(["-f", ...record.options ?? [], "PORT", hole.address]);
  const since = moment();
  await using client = await connect(stage.port);
  assertSaw(await sawOf(client, since), record.client_saw);
  await assertPrinted(() => attempts(stage), record.debug_events);
  assertCounters(stage, record);
};

/** Asserts what is on standard error. It may get there after the client has seen the end. */
async function assertPrinted<T>(look: () => T, expected: T): Promise<void> {
  const isThere = () => JSON.stringify(look()) === JSON.stringify(expected);
  await until(isThere).catch(() => assertEquals(look(), expected));
}

/** The dial attempts printed by `-d`, in the words of the records. */
function attempts(stage: RunningBalance): string[] {
  return stage.debugLines().flatMap((line) => {
    const match = /^connect to group (\d+) channel (\d+) (successful|failed: timeout)$/.exec(line);
    if (match === null) return [];
    const [, group, channel, outcome] = match;
    return [`try ${group}/${channel}: ${outcome === "successful" ? "connected" : "timeout"}`];
  });
}

/** `channels_after` as `[c, totalc]` or `[state, c, totalc]` of each channel. */
function assertCounters(stage: RunningBalance, { channels_after = [] }: CloseRecord): void {
  for (const [channel, recorded] of channels_after.entries()) {
    const row = stage.row?.(channel);
    if (row === undefined) return;
    const state = row.state === "enabled" ? "ENA" : "dis";
    assertEquals([state, row.c, row.totalc].slice(-recorded.length), recorded);
  }
}

/** Asks a backend for its name; returns it and the time. */
async function timedAsk(port: number): Promise<[string, Seconds]> {
  const start = moment();
  const name = await ask(port);
  return [name, secondsSince(start)];
}

/** The program refuses to start. */
const endsAtStart: Script = async (record) => {
  const argv = ["-f", ...record.options ?? [], "PORT", "127.0.0.1"];
  const { code, stdout, stderr } = await runBalance(argv);
  assertEquals([code, stdout, stderr], [record.exit_code, "", record.stderr]);
};

const peerIs = session(({ record, peer }) => {
  assertEquals(peer.remoteAddress, record.backend_saw?.peer);
  return Promise.resolve();
});

const SCRIPTS: Readonly<Record<string, Script>> = {
  client_half_close_backend_silent: session(async ({ record, client, peer }) => {
    await client.send("req");
    assertEquals(await readText(peer, 3), record.backend_saw?.first);
    await client.closeWrite();
    const waiting = awaitedLater(sawOf(client));
    let over = false;
    waiting.then(() => over = true, () => {});
    assertSaw(await sawOf(peer), record.backend_saw?.then);
    await wait(300);
    assert(!over, "the client's connection ended although the backend's did not");
    peer.close();
    assertSaw(await waiting, record.client_saw);
  }),
  client_half_close_backend_answers_late: session(async ({ record, client, peer }) => {
    await client.send("req");
    await client.closeWrite();
    assertEquals(await readText(peer, 3), record.backend_saw?.first);
    assertEquals((await sawOf(peer)).end, "EOF");
    await wait(200);
    await peer.send("answer");
    peer.close();
    assertSaw(await sawOf(client), record.client_saw);
  }),
  server_half_close: session(async ({ record, client, peer }) => {
    await peer.closeWrite();
    assertSaw(await sawOf(client), record.client_saw);
    await client.send("later");
    await client.closeWrite();
    assertSaw(await sawOf(peer), record.backend_saw);
  }),
  server_closes_first: session(async ({ record, client, peer }) => {
    await peer.send("bye");
    peer.close();
    assertSaw(await sawOf(client), record.client_saw);
    await sendUntilItFails(client, new Uint8Array(1));
  }),
  client_rst: session(async ({ record, client, peer }) => {
    await client.reset();
    assertSaw(await sawOf(peer), record.backend_saw);
  }, { reset: "client" }),
  client_close: session(async ({ record, client, peer }) => {
    await client.close();
    assertSaw(await sawOf(peer), record.backend_saw);
  }),
  server_rst: session(async ({ record, client, peer }) => {
    peer.reset();
    assertSaw(await sawOf(client), record.client_saw);
  }, { reset: "backend" }),
  server_closes_with_unread_input: session(async ({ record, stage, client, peer }) => {
    await client.send("req");
    assertEquals(await readText(peer, 3), "req");
    await client.send(new Uint8Array(50_000));
    // Everything the program has written is in the receive buffer of the backend.
    await until(() => unread(peer) === 50_000 && stage.row?.(0).sent !== 3n);
    await peer.send("xxxxxxxxxx");
    peer.close();
    assertSaw(await sawOf(client), record.client_saw);
  }, { viaCalls: hasRawSockets }),
  T1_idle_from_start: idle,
  T1_activity_restarts_timer: activity("client"),
  T1_server_activity_restarts_timer: activity("backend"),
  T2_message: idle,
  client_leaves_in_mid_download: leaving(true),
  client_closes_while_data_flows: leaving(false),
  async connection_process_killed(record, on) {
    await using backend = named("B0");
    await using stage = await on.start(["-f", "PORT", `${backend.address}:1`]);
    {
      await using client = await connect(stage.port);
      assertEquals(await readLine(client), "B0");
      if (stage.pid !== undefined) assertEquals(children(stage.pid), record.children_before);
    }
    await stage.idle?.();
    if (stage.row) assertEquals(stage.row(0).c, record.c_after);
    // The program notices the end a moment after the client closes.
    await until(async () => await ask(stage.port) === record.next_connection);
  },
  connect_timeout_only_channel: timeoutOnly,
  async connect_timeout_failover(record, on) {
    const hole = await theHole();
    await using backend = named("B0");
    // Deviation 52: otherwise, only the first client waits.
    const operands = ["--passive", "off", "PORT", hole.address, backend.address];
    await using stage = await on.start(["-f", ...record.options ?? [], ...operands]);
    assert(Array.isArray(record.chosen));
    for (const [name, seconds] of record.chosen) {
      const [chosen, took] = await timedAsk(stage.port);
      assertEquals(chosen, name);
      assertTook(took, seconds);
      await stage.idle?.();
    }
    await assertPrinted(() => attempts(stage), record.debug_events);
    assertCounters(stage, record);
  },
  async connect_timeout_autodisable(record, on) {
    const hole = await theHole();
    await using backend = named("B0");
    const channels = [hole.address, backend.address];
    await using stage = await on.start(["-f", ...record.options ?? [], "PORT", ...channels]);
    const [chosen, took] = await timedAsk(stage.port);
    assertEquals(chosen, record.chosen);
    assertTook(took, record.seconds);
    await stage.idle?.();
    const expected = record.stderr?.replace(/:\d{5} /, `:${hole.port} `);
    await assertPrinted(() => stage.stderr(), expected);
    assertCounters(stage, record);
  },
  async connect_timeout_two_then_group1(record, on) {
    const hole = await theHole();
    await using backend = named("B0");
    const channels = [hole.address, hole.address, "!", backend.address];
    await using stage = await on.start(["-f", ...record.options ?? [], "PORT", ...channels]);
    const [chosen, took] = await timedAsk(stage.port);
    assertEquals(chosen, record.chosen);
    assertTook(took, record.seconds);
  },
  B_outgoing_address: peerIs,
  no_B_source_is_loopback_default: peerIs,
  B_not_local: endsAtStart,
  B_unresolvable: endsAtStart,
  async b_listen_only_there(record, on) {
    await using backend = named("B0");
    const argv = ["-f", ...record.options ?? [], "PORT", backend.address];
    await using stage = await on.start(argv);
    assertEquals(record.via_127_0_0_1, "ConnectionRefusedError");
    await assertRejects(() => connect(stage.port), Deno.errors.ConnectionRefused);
    assertEquals(`${await ask(stage.port, { hostname: "127.0.0.9" })}\n`, record.via_127_0_0_9);
  },
  async backend_leaves_in_mid_upload_sigpipe(record, on) {
    await using backend = await accepting();
    const argv = ["-f", ...record.options ?? [], "PORT", `${backend.address}:1`];
    await using stage = await on.start(argv);
    {
      await using client = await connect(stage.port);
      const peer = await backend.accept();
      const upload = awaitedLater(sendUntilItFails(client, new Uint8Array(65536)));
      await readExactly(peer, 100_000);
      await peer.send("answer");
      await peer.closeWrite();
      peer.close();
      await upload;
    }
    await stage.idle?.();
    if (stage.row) assertEquals([stage.row(0).c, stage.row(0).totalc], [record.c_after, 1]);
    assertEquals(record.dump_ends_with_final_record, "the backend's end is in it");
    await until(() => /^-< (0|-1)$/m.test(latin1FromBytes(stage.stdoutBytes())));
    const arrival = awaitedLater(backend.accept());
    await using _next = await until(() => admitted(stage.port, arrival));
    (await arrival).close();
  },
  slow_reader_stalls_other_direction: session(async ({ record, client, peer }) => {
    let written = 0;
    const flood = (async () => {
      const bytes = new Uint8Array(65536);
      for (;; written++) await peer.send(bytes);
    })().catch(() => {});
    await untilStill(() => written, { what: "the backend to be held back" });
    for (let i = 0; i < 20; i++) await client.send("z");
    const count = record.client_bytes_that_reached_backend ?? 0;
    assertEquals(await readText(peer, count), "z".repeat(count));
    await client.close();
    await flood;
  }),
};
for (const why of ["all_disabled", "all_dead", "no_channels", "maxc_full"]) {
  for (const how of ["client_silent", "client_sends_first"]) {
    Object.assign(SCRIPTS, {
      [`nothing_available_${why}_${how}`]: nothingAvailable(why, how === "client_sends_first"),
    });
  }
}

/** Records that only one of the two run modes can play. */
const ONLY: Readonly<Record<string, readonly RunMode[]>> = {
  nothing_available_all_disabled_client_silent: [inProcess],
  nothing_available_all_disabled_client_sends_first: [inProcess],
  B_not_local: [asProgram],
  B_unresolvable: [asProgram],
  ...(programBinds ? {} : { B_outgoing_address: [inProcess] }),
};
/** Records that need features this version of Deno may lack. */
const LACKING: Readonly<Record<string, string>> = {
  ...(canReset ? {} : {
    client_rst: "this version of Deno cannot reset a connection",
    server_rst: "this version of Deno cannot reset a connection",
  }),
  ...(sourceBinds ? {} : { B_outgoing_address: "this version of Deno ignores a source address" }),
};
for (const [name, reason] of Object.entries(LACKING)) skip(`recorded end: ${name}`, reason);

const cases = records.filter(({ name }) => LACKING[name] === undefined).flatMap((record) =>
  (ONLY[record.name] ?? BOTH).map((on) => ({ record, on }))
);

/** One for all records: it never answers. It is created before the machine is busy. */
let hole: Promise<DeadEnd> | undefined;
const theHole = (): Promise<DeadEnd> => hole ??= blackHole();

t(`${records.length} recorded ends of connections are reproduced`, async () => {
  assertEquals(records.length, 36);
  for (const { name } of records) assert(SCRIPTS[name], `no script for ${name}`);
  const name = (one: typeof cases[number]) =>
    `${one.record.name} ${one.record.options ?? ""} (${one.on.name})`;
  await using _hole = await theHole();
  using running = runningTime();
  time = running;
  // Nearly all of the time is spent waiting for timeouts.
  const longestFirst = cases.toSorted((a, b) => duration(b.record) - duration(a.record));
  await pool(longestFirst, { limit: 8, name }, async ({ record, on }) => {
    await SCRIPTS[record.name]?.(record, on);
  });
});

function duration(record: CloseRecord): number {
  return /^(T|connect_timeout)/.test(record.name) ? Number(record.options?.[1] ?? 5) || 5 : 0;
}

/** The number of child processes. */
function children(pid: number): number {
  const path = `/proc/${pid}/task/${pid}/children`;
  return Deno.readTextFileSync(path).split(" ").filter((word) => word !== "").length;
}

/** Bytes in the receive buffer of a peer, from the system's socket table. */
function unread(peer: Peer): number {
  const rows = Deno.readTextFileSync("/proc/net/tcp").trim().split("\n").slice(1);
  const columns = rows.map((row) => row.trim().split(/\s+/)).find(([, local, remote]) =>
    portOf(local) === peer.localPort && portOf(remote) === peer.remotePort
  );
  return parseInt(columns?.[4]?.split(":")[1] ?? "", 16);
}

function portOf(endpoint = ""): number {
  return parseInt(endpoint.split(":")[1] ?? "", 16);
}

/** A client sender connection reaches the backend, or `undefined` if it is closed instead. */
async function admitted(port: number, arrival: Promise<Peer>): Promise<Client | undefined> {
  const client = await connect(port);
  const ended = readToEnd(client).catch(() => {});
  const peer = await Promise.race([arrival, ended.then(() => undefined)]);
  if (peer !== undefined) return client;
  await client.close();
  return undefined;
}
