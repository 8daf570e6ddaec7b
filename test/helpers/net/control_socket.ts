/**
 * The control channel from the outside: by hand as socat does it, and as programs do it.
 *
 * @module
 */
import { writeAll } from "../../../lib/base/bytes.ts";
import { readToEnd } from "./client.ts";
import { within } from "../t.ts";

/** What precedes an answer, and its text. */
export interface ControlAnswer {
  readonly text: string;
  readonly bytes: number;
  readonly group: number;
  readonly failed: boolean;
  readonly over?: string;
}

/** A control session of a program, closed at the end of its scope. */
export interface ControlSession extends Disposable {
  readonly hello: { readonly version: string; readonly pid: number };
  /** Sends a line and waits for its answer, at most 10 s. */
  ask(line: string): Promise<ControlAnswer>;
}

/** Path of the socket of a balance on all addresses. */
export function socketPath(rundir: string, port: number, address = "0.0.0.0"): string {
  return `${rundir}/balance.${port}.${address}`;
}

/** Whether the program answers at its control socket, which it does once it has started. */
export async function answers(path: string): Promise<boolean> {
  try {
    using _session = await controlSession(path);
    return true;
  } catch {
    return false;
  }
}

/** What the program that listens on a control socket answers to the greeting. */
export async function helloOf(path: string): Promise<ControlSession["hello"]> {
  using session = await controlSession(path);
  return session.hello;
}

/** Connects to a control socket. */
export async function connectUnix(path: string): Promise<Deno.UnixConn> {
  return await Deno.connect({ transport: "unix", path });
}

/**
 * Sends text by hand, ends its own side and reads what comes: `printf TEXT | socat - UNIX:PATH`.
 *
 * @returns Everything that came.
 */
export async function talk(path: string, text: string): Promise<string> {
  using conn = await connectUnix(path);
  await writeAll(conn, new TextEncoder().encode(text));
  await conn.closeWrite();
  return (await readToEnd(conn)).text;
}

/** Begins a session as a program. */
export async function controlSession(path: string): Promise<ControlSession> {
  const conn = await connectUnix(path);
  let rest = new Uint8Array();
  async function more(): Promise<void> {
    const buffer = new Uint8Array(16384);
    const count = await within(conn.read(buffer), {
      timeoutMs: 10_000,
      what: "an answer of the control channel",
      onTimeout: () => conn.close(),
    });
    if (count === null) throw new Error("The control channel ended");
    const whole = new Uint8Array(rest.length + count);
    whole.set(rest);
    whole.set(buffer.subarray(0, count), rest.length);
    rest = whole;
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
