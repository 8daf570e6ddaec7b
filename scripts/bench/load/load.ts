/**
 * `load.ts KIND PORT CONNECTIONS SECONDS RATE`: the same as load.c, for machines without a C
 * compiler. Same arguments, same line of JSON, but several times slower, and its own delays count.
 */

import { delay } from "@std/async/delay";

const ANSWER = 200, BULK = 64 << 20, STEP = 1 << 20;
/** Milliseconds after the warm-up in which delays do not count. */
const DISTURBED = 50;
const [kind = "", port = "", connections = "1", duration = "1", rate = "1000"] = Deno.args;
const seconds = Number(duration);
const encoder = new TextEncoder();
const request = (line: string) => encoder.encode(`${line} HTTP/1.1\r\nHost: bench\r\n\r\n`);
const askOpen = request("GET /"), askClose = request("GET /close");
const delays: number[] = [];
const found = { count: 0, bytes: 0, errors: 0 };
const start = performance.now(), end = start + seconds * 1000;

async function dial(): Promise<Deno.TcpConn> {
  const conn = await Deno.connect({ hostname: "127.0.0.1", port: Number(port) });
  conn.setNoDelay(true);
  return conn;
}

/** Reads `want` bytes, or to the end; returns how many it read. */
async function skip(
  conn: Deno.Conn,
  options: { want: number; buffer: Uint8Array },
): Promise<number> {
  let got = 0;
  while (got < options.want) {
    const n = await conn.read(options.buffer);
    if (n === null) break;
    got += n;
  }
  return got;
}

async function requests(): Promise<void> {
  const conn = await dial(), buffer = new Uint8Array(4096);
  while (performance.now() < end) {
    await conn.write(askOpen);
    const got = await skip(conn, { want: ANSWER, buffer });
    found.bytes += got;
    if (got !== ANSWER) throw new Error("short answer");
    found.count++;
  }
}

async function connectionsInTurn(): Promise<void> {
  const buffer = new Uint8Array(4096);
  while (performance.now() < end) {
    using conn = await dial();
    await conn.write(askClose);
    const got = await skip(conn, { want: Infinity, buffer });
    found.bytes += got;
    if (got === ANSWER) found.count++;
    else found.errors++;
  }
}

async function bulk(up: boolean): Promise<void> {
  const conn = await dial(), buffer = new Uint8Array(STEP);
  while (performance.now() < end) {
    await conn.write(request(`${up ? "PUT" : "GET"} /${BULK}`));
    for (let sent = 0; up && sent < BULK;) {
      sent += await conn.write(buffer.subarray(0, Math.min(STEP, BULK - sent)));
    }
    const want = up ? ANSWER : ANSWER + BULK;
    if (await skip(conn, { want, buffer }) !== want) throw new Error("short answer");
    found.count++;
    found.bytes += BULK;
  }
}

/** Returns the time at which the warm-up ended. */
async function openLoop(): Promise<number> {
  const idle: Deno.TcpConn[] = [], buffers = new WeakMap<Deno.TcpConn, Uint8Array>();
  for (let i = 0; i < Number(connections); i++) idle.push(await dial());
  const first = performance.now(), gap = 1000 / Number(rate);
  let measured = Infinity;
  const one = async (conn: Deno.TcpConn, due: number) => {
    let buffer = buffers.get(conn);
    if (buffer === undefined) buffers.set(conn, buffer = new Uint8Array(4096));
    await conn.write(askOpen);
    if (await skip(conn, { want: ANSWER, buffer }) !== ANSWER) throw new Error("short answer");
    found.count++;
    if (due > measured + DISTURBED) delays.push((performance.now() - due) * 1000);
    idle.push(conn);
  };
  for (let sent = 0; performance.now() < first + seconds * 1000;) {
    if (measured === Infinity && performance.now() >= first + seconds * 200) {
      measured = performance.now();
      found.count = found.bytes = 0;
      console.log("measuring");
    }
    for (let due; idle.length > 0 && (due = first + sent * gap) <= performance.now(); sent++) {
      one(idle.shift()!, due).catch(() => found.errors++);
    }
    await delay(1);
  }
  return measured;
}

async function many(run: () => Promise<void>): Promise<void> {
  const runs = Array.from({ length: Number(connections) }, () => run().catch(() => found.errors++));
  await Promise.all(runs);
}

/** Returns the time from which its results count. */
async function run(): Promise<number> {
  if (kind === "latency") return await openLoop();
  if (kind === "request") await many(requests);
  else if (kind === "connection") await many(connectionsInTurn);
  else if (kind === "down" || kind === "up") await bulk(kind === "up");
  else throw new TypeError(`unknown kind [${kind}]`);
  return start;
}

let measured = start;
try {
  measured = await run();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  Deno.exit(1);
}
delays.sort((a, b) => a - b);
const quantile = (q: number) => delays[Math.floor((delays.length - 1) * q)] ?? 0;
console.log(JSON.stringify({
  ...found,
  seconds: (performance.now() - measured) / 1000,
  p50: quantile(0.5),
  p99: quantile(0.99),
  worst: quantile(1),
}));
if (kind === "latency") await Deno.stdin.readable.pipeTo(new WritableStream());
Deno.exit();
