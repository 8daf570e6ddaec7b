/**
 * One dump: its format, its output (one file, or one per connection with `%n`), and its counters.
 * Records come from the taps of this isolate or of workers.
 */

import type { ConnectionRoute } from "../base/connection_info.ts";
import { Backlog } from "../base/backlog.ts";
import { settlesWithProgress } from "../base/within.ts";
import { DumpFile, type DumpFileOptions, openDumpFile, QUEUE_BYTES } from "./dump_file.ts";
import { expandFileName, isPerConnection } from "./file_name.ts";
import { createFormat } from "./formats/create_format.ts";
import type { DumpFormat } from "./formats/format.ts";
import { fileTime, nowMicroseconds } from "./formats/times.ts";
import { type ChunkRecord, type DumpRecord, encodeRecord } from "./record.ts";
import { type DumpSettings, isClassic } from "./settings.ts";

/** How much was dumped. */
export interface DumpCounts {
  readonly chunks: number;
  /** Bytes of these chunks that were dumped, before encoding. */
  readonly bytes: number;
  /** Records that were dropped because the reader is too slow, or lost to an error. */
  readonly dropped: number;
}

/** What a dump needs besides its settings. */
export interface DumperOptions extends Pick<DumpFileOptions, "port" | "queueBytes" | "permits"> {
  /** Whether the text format has colors. @default false */
  readonly color?: boolean;
  /** Called once, with the first error of the only output, also while it is being closed. */
  readonly onError: (error: Error) => void;
  /** Called with the first error of a connection's own file; its later records are dropped. */
  readonly onFileError?: ((error: Error) => void) | undefined;
  /**
   * Gives up closing a connection's own named pipe if its reader takes nothing for so many
   * milliseconds. @default 5000
   */
  readonly readerPatienceMs?: number | undefined;
}

/** Default for `-p`: small enough that the text is still in the CPU caches when it is written. */
const CLASSIC_QUEUE_BYTES = 1 << 20;
/** Files of ended connections that may be written and closed before accepting waits. */
const MAX_CLOSING = 16;
/** Default of {@link DumperOptions.readerPatienceMs}. */
const READER_PATIENCE_MS = 5000;

/** A file and the encoder that writes to it. */
interface Output {
  readonly file: DumpFile;
  readonly format: DumpFormat;
  /** Chunks that workers dropped. */
  droppedByWorkers: number;
  /** Dropped records that the file mentions. */
  reportedDrops: number;
}

/** One dump. */
export class Dumper {
  readonly settings: DumpSettings;
  readonly #options: DumperOptions;
  /** What is queued for all outputs. */
  readonly #backlog: Backlog;
  /** The only output; `undefined` with an output per connection. */
  #single: Output | undefined;
  readonly #perConnection = new Map<number, Output>();
  /** Outputs that are being closed. */
  readonly #closing = new Set<Promise<unknown>>();
  readonly #closingFiles = new Backlog(MAX_CLOSING);
  #failed = false;
  #closed = false;
  #chunks = 0;
  #bytes = 0;
  /** Records dropped from outputs that are closed. */
  #droppedBefore = 0;

  private constructor(settings: DumpSettings, options: DumperOptions) {
    this.settings = settings;
    this.#options = options;
    const queueBytes = isClassic(settings) ? CLASSIC_QUEUE_BYTES : QUEUE_BYTES;
    this.#backlog = new Backlog(options.queueBytes ?? queueBytes);
  }

  /**
   * Starts a dump. With a file per connection it checks only the folder; otherwise it waits until
   * the output is open.
   *
   * @throws {UsageError} If the name of the file is invalid.
   * @throws {Error} If the file cannot be created.
   */
  static async open(settings: DumpSettings, options: DumperOptions): Promise<Dumper> {
    const dumper = new Dumper(settings, options);
    if (isPerConnection(settings.file)) await dumper.#checkFolder();
    else {
      const format = dumper.#newFormat();
      const file = await openDumpFile(settings.file, dumper.#fileOptions(format));
      dumper.#single = outputOf(file, format);
    }
    return dumper;
  }

  /** Name of the current file; the pattern of the names with a file per connection. */
  get path(): string {
    return this.#single?.file.path ?? this.settings.file;
  }

  /** Whether the output is a named pipe that nobody reads yet. */
  get waitsForReader(): boolean {
    return this.#single?.file.readerWait.isWaiting ?? false;
  }

  /** Whether it is closed or being closed. */
  get closed(): boolean {
    return this.#closed;
  }

  /** How much was dumped so far. */
  get counts(): DumpCounts {
    const dropped = this.#outputs.reduce((sum, output) => sum + droppedOf(output), 0);
    return { chunks: this.#chunks, bytes: this.#bytes, dropped: this.#droppedBefore + dropped };
  }

  /** Encodes and writes a record; see `TakeRecord`. */
  take(record: DumpRecord): Promise<void> | undefined {
    if (this.#failed || this.#closed) return undefined;
    const { connection } = record;
    const output = this.#single ?? this.#outputOf(connection);
    if (record.kind === "data") return this.#data(output, record);
    const encode = () => encodeRecord(output.format, record);
    if (record.kind === "skip" || record.kind === "drop") {
      if (record.kind === "drop") output.droppedByWorkers += record.chunks ?? 1;
      encode();
      return undefined;
    }
    const isWritten = output.file.write(encode);
    if (record.kind === "close") {
      // Even if the record is dropped, the format has to forget the connection.
      if (!isWritten) encode();
      if (output !== this.#single) this.#end(connection, output);
    }
    return undefined;
  }

  /**
   * Waits until another connection may be dumped; `undefined` if it may now. With `overflow` `drop`,
   * only files of ended connections that are still being closed make it wait. Records of connections
   * that are open already are always taken.
   */
  room(): Promise<void> | undefined {
    if (this.#failed || this.#closed) return undefined;
    const { overflow } = this.settings;
    return (overflow === "drop" ? undefined : this.#backlog.room()) ?? this.#closingFiles.room();
  }

  /** Creates files again that were moved away, for log rotation; see {@link DumpFile.reopen}. */
  reopen(): void {
    for (const { file } of this.#outputs) file.reopen();
  }

  /**
   * Lets waiting senders continue, writes what is queued and closes all files.
   *
   * @param patienceMs If nothing is written to any file for this long, the rest is dropped, counted
   *     and reported; `undefined`: never.
   */
  async close(patienceMs: number | undefined): Promise<void> {
    if (this.#closed) return;
    const time = nowMicroseconds();
    const outputs = this.#outputs;
    for (const output of outputs) reportDrops(output, time);
    this.#closed = true;
    this.#letContinue();
    const closed = Promise.all([...outputs.map(({ file }) => file.close()), ...this.#closing]);
    const left = () => this.#backlog.size;
    if (patienceMs !== undefined && !await settlesWithProgress(closed, left, { patienceMs })) {
      for (const { file } of outputs) file.abandon();
    }
    await closed;
  }

  #data(output: Output, { connection, chunk }: ChunkRecord): Promise<void> | undefined {
    const { file, format } = output;
    if (!file.write(() => format.data(connection, chunk), { droppable: true })) {
      format.skip(connection, chunk);
      return undefined;
    }
    this.#chunks++;
    this.#bytes += chunk.bytes.length;
    reportDrops(output, chunk.time);
    return file.room();
  }

  #newFormat(): DumpFormat {
    const { format, side, prefix } = this.settings;
    return createFormat({ format, side, prefix, color: this.#options.color });
  }

  #outputOf({ id }: ConnectionRoute): Output {
    let output = this.#perConnection.get(id);
    if (output === undefined) {
      const format = this.#newFormat();
      output = outputOf(new DumpFile(this.settings.file, this.#fileOptions(format, id)), format);
      this.#perConnection.set(id, output);
    }
    return output;
  }

  /** Closes the file of a connection that has ended. */
  #end({ id }: ConnectionRoute, output: Output): void {
    reportDrops(output, nowMicroseconds());
    const { readerPatienceMs = READER_PATIENCE_MS } = this.#options;
    const closing = output.file.close({ readerPatienceMs }).finally(() => {
      this.#closing.delete(closing);
      this.#closingFiles.remove(1);
      this.#perConnection.delete(id);
      this.#droppedBefore += droppedOf(output);
    });
    this.#closing.add(closing);
    this.#closingFiles.add(1);
  }

  #fileOptions(format: DumpFormat, connection?: number): DumpFileOptions {
    const { format: name, rotate, overflow } = this.settings;
    const isSingle = connection === undefined;
    return {
      ...this.#options,
      permits: isSingle ? undefined : this.#options.permits,
      backlog: this.#backlog,
      connection,
      rotate,
      overflow,
      format: name,
      header: (time) => format.start(time),
      onError: (error) => isSingle ? this.#fail(error) : this.#options.onFileError?.(error),
    };
  }

  /** Checks that files can be created, as far as possible before the first connection. */
  async #checkFolder(): Promise<void> {
    const path = expandFileName(this.settings.file, {
      time: fileTime(nowMicroseconds()),
      port: this.#options.port,
      connection: 0,
    });
    const found = await Deno.stat(path.slice(0, path.lastIndexOf("/") + 1) || ".").catch(() => {});
    if (!found?.isDirectory) throw new Error(`cannot write dump file [${path}]: no such folder`);
  }

  get #outputs(): Output[] {
    return this.#single === undefined ? [...this.#perConnection.values()] : [this.#single];
  }

  /** Lets everybody continue who waits for room. */
  #letContinue(): void {
    this.#backlog.release();
    this.#closingFiles.release();
  }

  #fail(error: Error): void {
    if (this.#failed) return;
    this.#failed = true;
    this.#letContinue();
    this.#options.onError(error);
  }
}

function outputOf(file: DumpFile, format: DumpFormat): Output {
  return { file, format, droppedByWorkers: 0, reportedDrops: 0 };
}

function droppedOf({ file, droppedByWorkers }: Output): number {
  return file.dropped + droppedByWorkers;
}

/** Writes how many records were dropped, if there are new ones. */
function reportDrops(output: Output, time: number): void {
  const dropped = droppedOf(output);
  if (dropped === output.reportedDrops || output.file.failed) return;
  if (output.file.write(() => output.format.lost(dropped, time))) output.reportedDrops = dropped;
}
