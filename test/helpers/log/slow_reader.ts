import { tempDir } from "../temp_dir.ts";
import { fifo } from "./fifo.ts";
import type { ReadOrder } from "./slow_reader_worker.ts";

/** A reader of a log that is slow but never pauses. */
export interface SlowReader extends AsyncDisposable {
  /** Path of its named pipe or socket. */
  readonly path: string;
  /** Complete lines that it has read so far. */
  readonly lines: readonly string[];
  /** Seconds in which the machine was too busy for it to keep half of its rate. */
  readonly lateSeconds: number;
}

/** Makes a named pipe and reads this many bytes of it per second. Needs mkfifo. */
export async function slowPipeReader(bytesPerSecond: number): Promise<SlowReader> {
  const dir = tempDir();
  const { path } = await fifo(`${dir.path}/pipe`);
  return await slowReader({ kind: "pipe", path, perSecond: bytesPerSecond }, dir);
}

/** Receives this many messages per second on a new socket in place of /dev/log. */
export async function slowSyslogReceiver(messagesPerSecond: number): Promise<SlowReader> {
  const dir = tempDir();
  const path = `${dir.path}/log`;
  return await slowReader({ kind: "syslog", path, perSecond: messagesPerSecond }, dir);
}

async function slowReader(order: ReadOrder, dir: Disposable): Promise<SlowReader> {
  const worker = new Worker(new URL("./slow_reader_worker.ts", import.meta.url), {
    type: "module",
  });
  const lines: string[] = [], decoder = new TextDecoder();
  const ready = Promise.withResolvers<void>();
  let rest = "", lateSeconds = 0;
  worker.onerror = (event) => {
    event.preventDefault();
    ready.reject(new Error(event.message));
  };
  worker.onmessage = ({ data }: MessageEvent<Uint8Array | "ready" | "late">) => {
    if (data === "ready") return ready.resolve();
    if (data === "late") return void lateSeconds++;
    const pieces = (rest + decoder.decode(data, { stream: true })).split("\n");
    rest = pieces.pop() ?? "";
    for (const line of pieces) lines.push(line);
  };
  worker.postMessage(order);
  await ready.promise;
  return {
    path: order.path,
    lines,
    get lateSeconds() {
      return lateSeconds;
    },
    [Symbol.asyncDispose]() {
      worker.terminate();
      dir[Symbol.dispose]();
      return Promise.resolve();
    },
  };
}
