/**
 * Clients of the control socket: plain text as socat sends it, and the framed protocol.
 *
 * @module
 */
import { joinBytes, writeAll } from "../../../lib/base/bytes.ts";
import type { Hello } from "../../../lib/control/protocol.ts";
import { within } from "../t.ts";
import { readToEnd } from "./client.ts";

/** The header of an answer, and its text. */
export interface ControlAnswer {
  readonly text: string;
  readonly bytes: number;
  readonly group: number;
  readonly failed: boolean;
  readonly over?: string;
}

/** A framed control session, closed at the end of its scope. */
export interface ControlSession extends Disposable {
  readonly hello: Hello;
  /** Sends a line and waits for its answer, at most 30 s. */
  ask(line: string): Promise<ControlAnswer>;
}

/** Path of the control socket of a balance. @param address Of its listener, default all. */
export function socketPath(rundir: string, port: number, address = "0.0.0.0"): string {
  return `${rundir}/balance.${port}.${address}`;
}

/** Whether a program answers at its control socket, the last thing that it does at start. */
export async function answers(path: string): Promise<boolean> {
  try {
    using _session = await controlSession(path);
    return true;
  } catch {
    return false;
  }
}

/** Version and process id of the program that listens on a control socket. */
export async function helloOf(path: string): Promise<ControlSession["hello"]> {
  using session = await controlSession(path);
  return session.hello;
}

/** Connects to a control socket. */
export async function connectUnix(path: string): Promise<Deno.UnixConn> {
  return await Deno.connect({ transport: "unix", path });
}

/**
 * Does the same as `printf TEXT | socat - UNIX:PATH`.
 *
 * @returns The answers.
 */
export async function talk(path: string, text: string): Promise<string> {
  using conn = await connectUnix(path);
  await writeAll(conn, new TextEncoder().encode(text));
  await conn.closeWrite();
  return (await readToEnd(conn)).text;
}

/** A row of `show`. */
export interface ShowRow {
  readonly group: number;
  readonly channel: number;
  /** `ENA` or `dis`. */
  readonly state: string;
  readonly c: number;
  readonly totalc: number;
  readonly maxc: number;
  readonly sent: number;
  readonly rcvd: number;
}

/** Parses what `show` prints. */
export function parseShow(shown: string): ShowRow[] {
  return shown.trimEnd().split("\n").slice(1).map((line) => {
    const words = line.trim().split(/ +/);
    if (words.length !== 11) throw new Error(`Not a row of show: ${line}`);
    const [
      group = NaN,
      ,
      channel = NaN,
      ,
      ,
      ,
      c = NaN,
      totalc = NaN,
      maxc = NaN,
      sent = NaN,
      rcvd = NaN,
    ] = words.map(Number);
    return { group, channel, state: words[3]!, c, totalc, maxc, sent, rcvd };
  });
}

/** Asks a program for its table. */
export async function showRows(path: string): Promise<ShowRow[]> {
  return parseShow(await talk(path, "show\n"));
}

/** Runs a command that must succeed. @returns Its answer. */
export async function command(session: ControlSession, line: string): Promise<string> {
  const { text, failed } = await session.ask(line);
  if (failed) throw new Error(`[${line}] failed: ${text}`);
  return text;
}

/** Opens a framed session. */
export async function controlSession(path: string): Promise<ControlSession> {
  const conn = await connectUnix(path);
  let rest: Uint8Array = new Uint8Array();
  async function more(): Promise<void> {
    const buffer = new Uint8Array(16384);
    const count = await within(conn.read(buffer), {
      timeoutMs: 30_000,
      what: "an answer at the control socket",
      onTimeout: () => conn.close(),
    });
    if (count === null) throw new Error("The control session ended");
    rest = joinBytes([rest, buffer.subarray(0, count)]);
  }
  async function take(length: () => number | undefined): Promise<string> {
    for (;;) {
      const count = length();
      if (count !== undefined && rest.length >= count) {
        const text = new TextDecoder().decode(rest.subarray(0, count));
        rest = rest.slice(count);
        return text;
      }
      await more();
    }
  }
  async function head<T>(): Promise<T> {
    return JSON.parse(await take(() => rest.includes(10) ? rest.indexOf(10) + 1 : undefined));
  }
  const send = (line: string) => writeAll(conn, new TextEncoder().encode(`${line}\n`));
  try {
    await send(".hello");
    return {
      hello: await head(),
      async ask(line) {
        await send(line);
        const found = await head<Omit<ControlAnswer, "text">>();
        return { ...found, text: await take(() => found.bytes) };
      },
      [Symbol.dispose]: () => conn[Symbol.dispose](),
    };
  } catch (error) {
    conn[Symbol.dispose]();
    throw error;
  }
}
