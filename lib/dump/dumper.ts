/**
 * One dump that is being written: its format, its file or one for each connection (`%n`), and
 * what became of it. Records come from taps, of this isolate or of workers.
 */

import type { ConnectionRoute } from "../base/connection_info.ts";
import { DumpFile, type DumpFileOptions, openDumpFile } from "./dump_file.ts";
import { expandFileName, isPerConnection } from "./file_name.ts";
import type { DumpFormat } from "./formats/format.ts";
import { createFormat } from "./formats/create_format.ts";
import type { ChunkRecord, DumpRecord } from "./record.ts";
import type { DumpSettings } from "./settings.ts";
import { fileTime, nowMicroseconds } from "./formats/times.ts";

/** How much was written. */
export interface DumpCounts {
  readonly chunks: number;
  /** Bytes of them that were written, before any encoding. */
  readonly bytes: number;
  /** Records that were lost since a reader is too slow, or gone. */
  readonly dropped: number;
}

/** What a dump needs besides its settings. */
export interface DumperOptions {
  /** The port that balance listens on. */
  readonly port: number;
  /** Told once that the output is lost; everything after that is thrown away. */
  readonly onError: (error: Error) => void;
  /** See {@link DumpFileOptions.existing}. */
  readonly existing?: DumpFileOptions["existing"];
  /** See {@link DumpFileOptions.queueBytes}. */
  readonly queueBytes?: number | undefined;
}

/** Milliseconds that a reader may take nothing at the end of a connection's own file. */
const CLOSE_MS = 5000;

/** A file and the encoder whose output is in it. */
interface Output {
  readonly file: DumpFile;
  readonly format: DumpFormat;
  /** Chunks that were lost on the way to here. */
  lost: number;
  /** Losses that the file tells of. */
  told: number;
}

/**
 * Opens the output of a dump and waits until it is there.
 *
 * @param settings What to write.
 * @param options The rest.
 * @throws {UsageError} If the name of the file means nothing.
 * @throws {Error} If the file cannot be made. With a file for each connection only the folder is
 *     looked at.
 */
export async function openDumper(settings: DumpSettings, options: DumperOptions): Promise<Dumper> {
  if (!isPerConnection(settings.file)) {
    const format = createFormat(settings);
    const dumper = new Dumper(settings, options);
    const file = await openDumpFile(settings.file, dumper.fileOptions(format));
    dumper.use({ file, format, lost: 0, told: 0 });
    return dumper;
  }
  const { port } = options;
  const path = expandFileName(settings.file, {
    time: fileTime(nowMicroseconds()),
    port,
    connection: 0,
  });
  const folder = path.slice(0, path.lastIndexOf("/") + 1) || ".";
  if (!await isFolder(folder)) throw new Error(`cannot write dump file [${path}]: no such folder`);
  return new Dumper(settings, options);
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isDirectory;
  } catch {
    return false;
  }
}

/** One dump; made by {@link openDumper}. */
export class Dumper {
  readonly settings: DumpSettings;
  readonly #options: DumperOptions;
  /** The only one, unless each connection has its own. */
  #single: Output | undefined;
  readonly #perConnection = new Map<number, Output>();
  /** Outputs that are being closed. */
  readonly #closing = new Set<Promise<unknown>>();
  #failed = false;
  #closed = false;
  #chunks = 0;
  #bytes = 0;
  /** Dropped in files that are closed. */
  #droppedBefore = 0;

  /** To be called by {@link openDumper} only. */
  constructor(settings: DumpSettings, options: DumperOptions) {
    this.settings = settings;
    this.#options = options;
  }

  /** To be called by {@link openDumper} only. */
  use(output: Output): void {
    this.#single = output;
  }

  /** The present file; the pattern of the names if each connection has its own. */
  get path(): string {
    return this.#single?.file.path ?? this.settings.file;
  }

  /** How much was written so far. */
  get counts(): DumpCounts {
    const dropped = this.#outputs.reduce((sum, output) => sum + droppedOf(output), 0);
    return { chunks: this.#chunks, bytes: this.#bytes, dropped: this.#droppedBefore + dropped };
  }

  /** Encodes and writes a record; see `TakeRecord`. */
  take(record: DumpRecord): Promise<void> | undefined {
    if (this.#failed || this.#closed) return undefined;
    const { connection } = record;
    const output = this.#single ?? this.#outputOf(connection);
    const { file, format } = output;
    switch (record.kind) {
      case "data":
        return this.#data(output, record);
      case "drop":
        output.lost++;
        format.skip(connection, record.chunk);
        break;
      case "skip":
        format.skip(connection, record.chunk);
        break;
      case "event":
        file.write(() => format.event(connection, record.event));
        break;
      case "end":
        file.write(() => format.end(connection, record.end));
        break;
      case "close":
        // It has to forget the connection, also without room for saying so.
        if (!file.write(() => format.close(connection, record.time))) {
          format.close(connection, record.time);
        }
        if (output !== this.#single) this.#end(connection, output);
        break;
      default: {
        const { kind, time } = record;
        file.write(() => format[kind](connection, time));
      }
    }
    return undefined;
  }

  /** Looks whether the file was moved away, as log rotation does; see {@link DumpFile.reopen}. */
  reopen(): void {
    for (const { file } of this.#outputs) file.reopen();
  }

  /**
   * Writes what is left and closes all files. Senders that wait are let go at once.
   *
   * @param patienceMs So long a reader may take nothing before the rest is given up.
   */
  async close(patienceMs: number): Promise<void> {
    if (this.#closed) return;
    const time = nowMicroseconds();
    const outputs = this.#outputs;
    for (const output of outputs) tellLost(output, time);
    this.#closed = true;
    await Promise.all([
      ...outputs.map(({ file }) => file.close({ patienceMs })),
      ...this.#closing,
    ]);
  }

  /** To be called by {@link openDumper} only. */
  fileOptions(format: DumpFormat, connection?: number): DumpFileOptions {
    const { settings } = this;
    const { port, existing, queueBytes } = this.#options;
    return {
      port,
      connection,
      existing,
      queueBytes,
      rotate: settings.rotate,
      overflow: settings.overflow,
      header: (time) => format.start(time),
      onError: (error) => this.#fail(error),
    };
  }

  #data(
    output: Output,
    { connection, chunk }: ChunkRecord,
  ): Promise<void> | undefined {
    const { file, format } = output;
    if (!file.write(() => format.data(connection, chunk), { droppable: true })) {
      format.skip(connection, chunk);
      return undefined;
    }
    this.#chunks++;
    this.#bytes += chunk.bytes.length;
    tellLost(output, chunk.time);
    return file.room();
  }

  #outputOf({ id }: ConnectionRoute): Output {
    const known = this.#perConnection.get(id);
    if (known !== undefined) return known;
    const format = createFormat(this.settings);
    const file = new DumpFile(this.settings.file, this.fileOptions(format, id));
    const output: Output = { file, format, lost: 0, told: 0 };
    this.#perConnection.set(id, output);
    return output;
  }

  /** Closes the file of a connection that has ended. */
  #end({ id }: ConnectionRoute, output: Output): void {
    const { file } = output;
    tellLost(output, nowMicroseconds());
    const closing = file.close({ patienceMs: CLOSE_MS }).finally(() => {
      this.#closing.delete(closing);
      this.#perConnection.delete(id);
      this.#droppedBefore += droppedOf(output);
    });
    this.#closing.add(closing);
  }

  get #outputs(): Output[] {
    return this.#single === undefined ? [...this.#perConnection.values()] : [this.#single];
  }

  #fail(error: Error): void {
    if (this.#failed || this.#closed) return;
    this.#failed = true;
    this.#options.onError(error);
  }
}

function droppedOf({ file, lost }: Output): number {
  return file.dropped + lost;
}

function tellLost(output: Output, time: number): void {
  const dropped = droppedOf(output);
  if (dropped === output.told) return;
  if (output.file.write(() => output.format.lost(dropped, time))) output.told = dropped;
}
