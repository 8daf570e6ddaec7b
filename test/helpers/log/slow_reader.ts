import { tempDir } from "../temp_dir.ts";
import { fifo } from "./fifo.ts";
import type { ReadOrder } from "./slow_reader_worker.ts";

/** A reader of a log that is slow but never pauses. */
export interface SlowReader extends AsyncDisposable {
  /** Path of its named pipe. */
  readonly path: string;
  /** Complete lines that it has read so far. */
  readonly lines: readonly string[];
}

/** Makes a named pipe and reads this many bytes of it per second. Needs mkfifo. */
export async function slowPipeReader(bytesPerSecond: number): Promise<SlowReader> {
  const dir = tempDir();
  const { path } = await fifo(`${dir.path}/pipe`);
  return await slowReader({ path, bytesPerSecond }, dir);
}

async function slowReader(order: ReadOrder, dir: Disposable): Promise<SlowReader> {
  const worker = new Worker(new URL("./slow_reader_worker.ts", import.meta.url), {
    type: "module",
  });
  const lines: string[] = [], decoder = new TextDecoder();
  const ready = Promise.withResolvers<void>();
  let rest = "";
  worker.onerror = (event) => {
    event.preventDefault();
    ready.reject(new Error(event.message));
  };
  worker.onmessage = ({ data }: MessageEvent<Uint8Array | "ready">) => {
    if (data === "ready") return ready.resolve();
    const pieces = (rest + decoder.decode(data, { stream: true })).split("\n");
    rest = pieces.pop() ?? "";
    for (const line of pieces) lines.push(line);
  };
  worker.postMessage(order);
  await ready.promise;
  return {
    path: order.path,
    lines,
    [Symbol.asyncDispose]() {
      worker.terminate();
      dir[Symbol.dispose]();
      return Promise.resolve();
    },
  };
}
