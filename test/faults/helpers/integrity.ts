/**
 * Many connections through two fault-making proxies, one on each side of the program:
 *
 *     client -> proxy -> balance -> proxy -> origin
 *
 * Client and origin are well-behaved and compare every byte. Only bytes that the plan cut off may be
 * missing.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { canReset } from "../../helpers/net/backends.ts";
import { writeAll } from "../../../lib/base/bytes.ts";
import { controlSession } from "../../helpers/net/control_socket.ts";
import {
  ANSWER,
  type AtAccept,
  type FaultProxy,
  faultProxy,
  HEADER_BYTES,
  type Plan,
  type Toxics,
} from "../../helpers/net/fault_proxy.ts";
import { pool } from "../../helpers/pool.ts";
import { startControlled } from "../../helpers/program/start_controlled.ts";
import { until } from "../../helpers/t.ts";
import { origin } from "./origin.ts";
import { randomBytes, randomNumbers } from "../../helpers/bytes.ts";

/** A prime length, so that streams at different offsets never look alike for long. */
const BLOCK = randomBytes(65521, 6);
const ANSWER_BYTES = new TextEncoder().encode(ANSWER);
const CHANNELS = 4;
/** One of this many connections transfers at least this many bytes each way, unless it is cut. */
const LARGE_EVERY = 50, LARGE_BYTES = 2_000_000;
/** A client waits this long for a silent backend and then leaves; nothing else takes longer. */
const PATIENCE_MS = 6000;
const DONE_MS = 30_000;

/** The plan for one connection. */
interface Story {
  readonly up: number;
  readonly down: number;
  /** The side that ends first. */
  readonly order: "client" | "backend" | "both";
  /** Of the proxy between client and balance. */
  readonly front: Plan;
  /** Of the proxy between balance and origin. */
  readonly back: Plan;
}

interface Seen {
  bytes: number;
  end: "end" | "reset" | "left";
  answered: boolean;
}

/** The figures of a run. */
export interface IntegrityFigures {
  readonly connections: number;
  readonly bytes: number;
  readonly clean: number;
  readonly fates: string;
  readonly seconds: number;
}

/** The story of a connection, the same for the same seed. */
function storyOf(id: number, seed: number): Story {
  const next = randomNumbers(seed + id * 7919);
  for (let i = 0; i < 4; i++) next();
  const chance = (percent: number) => next() % 100 < percent;
  const upTo = (max: number) => next() % (max + 1);
  const isLarge = id % LARGE_EVERY === LARGE_EVERY / 2;
  const size = () =>
    isLarge
      ? LARGE_BYTES + upTo(2 * LARGE_BYTES)
      : chance(10)
      ? upTo(300_000)
      : chance(30)
      ? upTo(200)
      : upTo(20_000);
  const up = size(), down = size();

  function toxics(length: number): Toxics {
    const kind = next() % 8;
    const cuts = ["end", "close", ...(canReset ? ["reset"] as const : [])] as const;
    const after = chance(20) ? Infinity : upTo(length + HEADER_BYTES);
    return {
      ...(kind === 0 && { delayMs: upTo(isLarge ? 5 : 50) }),
      ...(kind === 1 && length < 2000 && { sliceBytes: 1 }),
      ...(kind === 1 && length >= 2000 && { sliceBytes: 1 + upTo(5000) }),
      ...(kind === 2 && { bytesPerS: 2000 + length }),
      ...(kind === 3 && { stall: { after: upTo(length), ms: upTo(1000) } }),
      ...(chance(12) && { cut: { after, how: cuts[next() % cuts.length]! } }),
    };
  }
  return {
    up,
    down,
    order: (["client", "backend", "both"] as const)[next() % 3]!,
    front: {
      up: toxics(up),
      down: toxics(down),
      resetAtConnect: canReset && chance(2),
    },
    back: { up: toxics(up), down: toxics(down) },
  };
}

/** Whether a client may be gone before its header reaches a backend. */
function goesEarly({ up, down, resetAtConnect }: Plan): boolean {
  const cuts = [up?.cut, down?.cut];
  return resetAtConnect === true || cuts.some((cut) => cut !== undefined && cut.how !== "end") ||
    (up?.cut?.after ?? Infinity) < HEADER_BYTES;
}

/** The bytes of a stream from an offset. */
function stream(key: number, at: number, length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length;) {
    const from = (key * 104_729 + at + i) % BLOCK.length;
    const part = BLOCK.subarray(from, Math.min(BLOCK.length, from + length - i));
    bytes.set(part, i);
    i += part.length;
  }
  return bytes;
}

const upKey = (id: number) => id * 2, downKey = (id: number) => id * 2 + 1;

async function sendStream(
  conn: Deno.Conn,
  { key, length }: { key: number; length: number },
): Promise<void> {
  for (let at = 0; at < length; at += 65536) {
    await writeAll(conn, stream(key, at, Math.min(65536, length - at)));
  }
}

/** Reads to the end and compares every byte with the expected stream. */
async function readStream(conn: Deno.Conn, key: number): Promise<Seen> {
  const buffer = new Uint8Array(65536);
  const seen: Seen = { bytes: 0, end: "end", answered: false };
  for (;;) {
    let count: number | null;
    try {
      count = await conn.read(buffer);
    } catch (error) {
      seen.end = error instanceof Deno.errors.Interrupted ? "left" : "reset";
      return seen;
    }
    if (count === null) return seen;
    const got = buffer.subarray(0, count);
    const isAnswer = same(got, ANSWER_BYTES.subarray(seen.bytes, seen.bytes + count));
    if (isAnswer && (seen.bytes === 0 || seen.answered)) seen.answered = true;
    else if (!same(got, stream(key, seen.bytes, count))) {
      throw new Error(`Stream ${key} is wrong in bytes ${seen.bytes}..${seen.bytes + count}`);
    }
    seen.bytes += count;
  }
}

function same(a: Uint8Array<ArrayBuffer>, b: Uint8Array<ArrayBuffer>): boolean {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return a.length === b.length;
}

function headerOf(id: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(HEADER_BYTES);
  new DataView(bytes.buffer).setUint32(0, id);
  return bytes;
}

/** Ignores an error because the other side closed first. */
async function try_(action: Promise<void>): Promise<void> {
  try {
    await action;
  } catch { /* the reader reports how it ended */ }
}

/**
 * Runs connections through the proxies and checks each one.
 *
 * @throws {Error} Naming every connection on which something was lost, wrong, or late.
 */
export async function integrity(
  options: { connections: number; seed: number; parallel: number; argv?: readonly string[] },
): Promise<IntegrityFigures> {
  const { connections, seed, parallel } = options;
  const started = performance.now();
  const origins = new Map<number, Seen>();
  await using server = origin(async (conn) => {
    const head = new Uint8Array(HEADER_BYTES);
    for (let at = 0; at < HEADER_BYTES;) {
      const count = await conn.read(head.subarray(at));
      if (count === null) return;
      at += count;
    }
    const id = new DataView(head.buffer).getUint32(0);
    const { down, order } = storyOf(id, seed);
    const sendAll = async () => {
      await sendStream(conn, { key: downKey(id), length: down });
      await conn.closeWrite();
    };
    const sending = order === "client" ? undefined : try_(sendAll());
    const seen = await readStream(conn, upKey(id));
    origins.set(id, seen);
    await (sending ?? try_(sendAll()));
  });
  const draw = randomNumbers(seed ^ 0x5eed);
  function atAccept(): AtAccept {
    const n = draw() % 1000;
    if (n < 15) return canReset ? "reset" : "close";
    return n < 30 ? "close" : n < 40 ? "answer" : n < 50 ? "silent" : "pass";
  }
  await using stack = new AsyncDisposableStack();
  const backProxies: FaultProxy[] = [];
  for (let i = 0; i < CHANNELS; i++) {
    const plan = (id: number) => storyOf(id, seed).back;
    backProxies.push(stack.use(await faultProxy({ to: server.port, plan, atAccept })));
  }
  const argv = ["-f", ...options.argv ?? [], "PORT", ...backProxies.map((one) => one.address)];
  await using balance = await startControlled(argv);
  const fdsBefore = await balance.quietFds();
  await using frontProxy = await faultProxy({
    to: balance.port,
    plan: (id) => storyOf(id, seed).front,
  });
  const clients = new Map<number, Seen>();

  async function run(id: number): Promise<void> {
    const story = storyOf(id, seed);
    using conn = await Deno.connect({ hostname: "127.0.0.1", port: frontProxy.port });
    conn.setNoDelay(true);
    let done = false;
    const hopeless = () =>
      done || origins.has(id) || backProxies.some((one) => one.passed.has(id)) || conn.close();
    const patience = setTimeout(hopeless, PATIENCE_MS);
    const late = setTimeout(() => done || conn.close(), DONE_MS);
    try {
      const reading = readStream(conn, downKey(id));
      reading.catch(() => {});
      await try_(writeAll(conn, headerOf(id)));
      await try_(sendStream(conn, { key: upKey(id), length: story.up }));
      if (story.order === "backend") await reading;
      await try_(conn.closeWrite());
      clients.set(id, await reading);
    } finally {
      done = true;
      clearTimeout(patience);
      clearTimeout(late);
    }
  }

  const ids = Array.from({ length: connections }, (_, id) => id);
  await pool(ids, { limit: parallel, name: (id) => `connection ${id}` }, run);
  // Every end reaches the other side: nothing stays open.
  await until(() => frontProxy.open === 0 && backProxies.every((one) => one.open === 0), {
    timeoutMs: DONE_MS,
    everyMs: 50,
    what: () =>
      `the proxies to be idle: ${frontProxy.open}, ${backProxies.map((one) => one.open)} open`,
  });
  await until(() => server.open === 0, { timeoutMs: DONE_MS, what: "the origin to be idle" });

  const failures: string[] = [];
  let clean = 0, bytes = 0, left = 0, unseen = 0;
  for (const id of ids) {
    const story = storyOf(id, seed);
    const client = clients.get(id)!, asked = origins.get(id);
    const passed = frontProxy.passed.get(id);
    const reached = backProxies.find((one) => one.passed.has(id))?.passed.get(id);
    bytes += client.bytes + (asked?.bytes ?? 0);
    const wrong = (what: string) =>
      failures.push(
        `connection ${id}: ${what}: ${
          JSON.stringify({ story, client, asked, passed, reached }, (_, v) =>
            v === Infinity ? "inf" : v)
        }`,
      );
    if (passed === undefined) wrong("its header was lost");
    if (client.end === "left") left++;
    if (reached === undefined) {
      // Its backend closed, answered or stayed silent before it was asked, or none was asked.
      if (client.bytes > 0 && !client.answered) wrong("an answer from nowhere");
      if (!goesEarly(story.front)) unseen++;
      continue;
    }
    if (client.end === "left") wrong("it did not end");
    const { front: { up: a, down: b, resetAtConnect }, back: { up: c, down: d } } = story;
    const cuts = [a, b, c, d].map((one) => one?.cut);
    if (resetAtConnect) wrong("it was reset at connect and reached a backend");
    if (cuts.some((cut) => cut?.how === "close" || cut?.how === "reset")) continue;
    // From here on ends are half-closes: each direction delivers exactly the planned bytes.
    const shortest = (length: number, ...toxics: (Toxics | undefined)[]) =>
      Math.min(length, ...toxics.map((one) => one?.cut?.after ?? Infinity));
    const up = shortest(story.up + HEADER_BYTES, a, c) - HEADER_BYTES;
    const down = shortest(story.down, b, d);
    // With a cut header the origin has no request and just closes.
    if (up < 0) continue;
    if (client.bytes !== down || client.end !== "end") wrong(`client wants ${down} bytes and end`);
    if (asked?.bytes !== up || asked.end !== "end") wrong(`origin wants ${up} bytes and end`);
    if (cuts.every((cut) => cut === undefined)) clean++;
  }
  const fates = { reset: 0, close: 0, silent: 0, answer: 0, pass: 0 };
  for (const one of backProxies) {
    for (const [fate, count] of Object.entries(one.fates)) fates[fate as AtAccept] += count;
  }
  if (failures.length > 0) {
    throw new Error(
      `${failures.length} of ${connections} fail\n${failures.slice(0, 5).join("\n")}`,
    );
  }
  const early = fates.reset + fates.close + fates.silent + fates.answer;
  assert(unseen <= early, `${unseen} connections reached no backend, only ${early} were refused`);
  assert(
    left <= fates.silent,
    `${left} clients gave up, only ${fates.silent} backends were silent`,
  );

  using session = await controlSession(balance.socket);
  const attempts = backProxies.reduce((sum, one) => sum + one.accepted, 0);
  await until(async () => (await counters(session)).c === 0, { what: "c to be 0" });
  assertEquals((await counters(session)).totalc, attempts, "attempts that were counted");
  session[Symbol.dispose]();
  await balance.settledFds(fdsBefore);
  return {
    connections,
    bytes,
    clean,
    fates: Object.entries(fates).map(([fate, count]) => `${fate} ${count}`).join(", "),
    seconds: (performance.now() - started) / 1000,
  };
}

/** The sums of the counters of `show` over all channels. */
export async function counters(
  session: { ask(line: string): Promise<{ text: string }> },
): Promise<{ c: number; totalc: number; sent: number; rcvd: number }> {
  const sums = { c: 0, totalc: 0, sent: 0, rcvd: 0 };
  for (const line of (await session.ask("show")).text.split("\n").slice(1)) {
    const columns = line.trim().split(/\s+/);
    if (columns.length < 10) continue;
    const [c, totalc, , sent, rcvd] = columns.slice(-5).map(Number);
    sums.c += c!;
    sums.totalc += totalc!;
    sums.sent += sent!;
    sums.rcvd += rcvd!;
  }
  return sums;
}
