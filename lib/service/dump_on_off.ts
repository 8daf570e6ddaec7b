/**
 * The packet dump of the running program: at most one at a time, started by the command line or by
 * `dump on`, stopped by `dump off` or an error of its output.
 *
 * The relay continues in any case, with one exception, as in 3.35: when the reader of a dump that
 * the command line started on standard output exits, the program ends.
 */

import { UsageError } from "../base/errors.ts";
import { STDOUT } from "../base/stdout.ts";
import type { Options } from "../cli/options.ts";
import { type CountedNotices, countedPerBurst } from "../connection/once_per_burst.ts";
import type { DumpControl, DumpStatus } from "../control/commands/command.ts";
import { dumpTaps } from "../dump/dump_tap.ts";
import { Dumper } from "../dump/dumper.ts";
import { isPerConnection } from "../dump/file_name.ts";
import { FilePermits, moreFailures } from "../dump/file_permits.ts";
import { parseConnectionNumber, parseDumpFilter } from "../dump/filter.ts";
import type { TakeRecord } from "../dump/record.ts";
import { hasColors } from "../dump/terminal_colors.ts";
import type { DumpSettings, DumpTexts } from "../dump/settings.ts";
import { CLASSIC_DUMP, isClassic, parseDumpSettings } from "../dump/settings.ts";
import { outsidePath } from "../native/private_tmp.ts";
import { MAX_FILE_OPERATIONS } from "../system/capacity.ts";
import type { DataPlane } from "../workers/data_plane.ts";
import type { PlaneDump } from "../workers/dump_order.ts";
import { hasReaderExited, startError } from "./dump_errors.ts";

/** When a dump stops, it gives up if the reader takes nothing for this long. */
const PATIENCE_MS = 1000;

/** What the dump needs from the program. */
interface DumpParts {
  /** The port that balance listens on. */
  readonly port: number;
  readonly notice: (line: string) => void;
  /** Maximum number of open files of single connections, at the moment. */
  readonly maxFiles: () => number;
}

/** Turns the dump on and off. */
export interface DumpSwitch extends DumpControl {
  /** The current dump; `undefined` if it is off. */
  readonly current: PlaneDump | undefined;
  /**
   * Connects the dump to the connections. Called once.
   *
   * @param options `outputClosed` is called when the reader of standard output has exited, if the
   *     command line started a dump there.
   */
  attach(plane: DataPlane, options: { outputClosed: () => void }): void;
  /** Number of records dropped since the program started. */
  dropped(): number;
  /** Creates files again that were moved away, for log rotation. */
  reopen(): void;
  /** Writes what is queued, as far as it is read, and closes the files. */
  close(): Promise<void>;
}

/** The current dump. */
interface RunningDump {
  readonly dumper: Dumper;
  /** Milliseconds since 1970. */
  readonly since: number;
  readonly plane: PlaneDump;
  /** Patience at the end of the program in milliseconds; `undefined` waits forever. */
  readonly endPatienceMs: number | undefined;
}

/** What started a dump. */
type Origin = "command line" | "control";

/**
 * Starts the dump that the command line asks for, if any.
 *
 * @throws {ExitError} With exit code 73 if its file cannot be created, or 0 if the reader of
 *     standard output has exited.
 */
export async function openDumpSwitch(
  { dump, foreground }: Pick<Options, "dump" | "foreground">,
  parts: DumpParts,
): Promise<DumpSwitch> {
  const result = new Switch(parts, foreground);
  if (dump !== undefined) await result.start(dump);
  return result;
}

class Switch implements DumpSwitch {
  readonly #parts: DumpParts;
  readonly #foreground: boolean;
  /** Shared by the current dump and the previous one, which may still write. */
  readonly #permits: FilePermits;
  readonly #fileFailures: CountedNotices;
  /** Whether the data plane counts a dump file for each connection. */
  #countsFiles = false;
  /** Defaults of `dump on`: the settings of the last dump; at first, in the foreground, of `-p`. */
  #last: DumpSettings | undefined;
  #running: RunningDump | undefined;
  #plane: DataPlane | undefined;
  #generation = 0;
  /** Records dropped by dumps that have ended. */
  #droppedBefore = 0;
  readonly #readerExited = Promise.withResolvers<void>();
  /** Resolves when the current command and all waiting ones have ended. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(parts: DumpParts, foreground: boolean) {
    this.#parts = parts;
    this.#foreground = foreground;
    this.#permits = new FilePermits(parts.maxFiles, MAX_FILE_OPERATIONS);
    this.#fileFailures = countedPerBurst(parts.notice, moreFailures);
    if (foreground) this.#last = CLASSIC_DUMP;
  }

  get current(): PlaneDump | undefined {
    return this.#running?.plane;
  }

  /** Starts the dump of the command line. */
  start(given: DumpSettings): Promise<void> {
    return this.#inTurn(async () => {
      const settings = { ...given, file: absolute(given.file) };
      try {
        this.#running = await this.#open(settings, "command line");
        this.#last = settings;
        this.#countsFiles = isPerConnection(settings.file);
      } catch (error) {
        throw startError(error, settings);
      }
    });
  }

  attach(plane: DataPlane, { outputClosed }: { outputClosed: () => void }): void {
    this.#plane = plane;
    void this.#readerExited.promise.then(outputClosed);
  }

  on(texts: DumpTexts): Promise<DumpStatus> {
    return this.#inTurn(() => this.#on(texts));
  }

  off(): Promise<boolean> {
    return this.#inTurn(() => this.#off());
  }

  status(): DumpStatus | undefined {
    return this.#running && statusOf(this.#running);
  }

  dropped(): number {
    return this.#droppedBefore + (this.#running?.dumper.counts.dropped ?? 0);
  }

  reopen(): void {
    this.#running?.dumper.reopen();
  }

  async close(): Promise<void> {
    await this.#turn;
    await this.#running?.dumper.close(this.#running.endPatienceMs);
    this.#fileFailures.end();
  }

  async #on(texts: DumpTexts): Promise<DumpStatus> {
    const settings = await this.#parse(texts);
    // Two dumps must not write to the same file.
    if (this.#running?.dumper.settings.file === settings.file) await this.#off();
    try {
      if (isPerConnection(settings.file)) await this.#countFiles(true);
      const running = await this.#open(settings, "control");
      this.#last = settings;
      await this.#replace(running);
      return statusOf(running);
    } finally {
      void this.#uncountFiles();
    }
  }

  async #off(): Promise<boolean> {
    const isOn = this.#running !== undefined;
    if (isOn) await this.#replace(undefined);
    void this.#uncountFiles();
    return isOn;
  }

  async #countFiles(value: boolean): Promise<void> {
    if (this.#countsFiles === value) return;
    this.#countsFiles = value;
    await this.#plane?.countDumpFiles(value);
  }

  /** Lets more connections in after the last dump file of a connection is closed. */
  async #uncountFiles(): Promise<void> {
    await this.#permits.idle();
    await this.#inTurn(async () => {
      const isOn = this.#running !== undefined &&
        isPerConnection(this.#running.dumper.settings.file);
      if (!isOn) await this.#countFiles(false);
    });
  }

  async #replace(running: RunningDump | undefined): Promise<void> {
    const before = this.#running?.dumper;
    const dropped = before?.counts.dropped ?? 0;
    this.#droppedBefore += dropped;
    this.#running = running;
    await this.#plane?.setDump(running?.plane);
    if (before === undefined) return;
    await before.close(PATIENCE_MS);
    this.#droppedBefore += before.counts.dropped - dropped;
  }

  /** Parses the arguments of `dump on`. */
  async #parse(texts: DumpTexts): Promise<DumpSettings> {
    const hasOutput = texts.file !== undefined || texts.format !== undefined;
    if (!hasOutput && this.#last === undefined) throw new UsageError("dump on needs a file");
    const settings = parseDumpSettings(texts, this.#last);
    if (settings.file === STDOUT && !this.#foreground) {
      throw new UsageError("in the background there is no standard output: name a file");
    }
    if (settings.file !== STDOUT && !settings.file.startsWith("/")) {
      throw new UsageError(`invalid dump file [${settings.file}]: want an absolute path`);
    }
    const { connection } = settings.filter;
    if (connection !== undefined) {
      const id = parseConnectionNumber(connection);
      const open = await this.#plane?.connections() ?? [];
      if (!open.some((info) => info.id === id)) throw new UsageError(`no such connection ${id}`);
    }
    return settings;
  }

  async #open(settings: DumpSettings, origin: Origin): Promise<RunningDump> {
    if (settings.file === STDOUT && settings.format === "pcapng" && Deno.stdout.isTerminal()) {
      throw new UsageError("pcapng is binary: dump to a file or a pipe, not to a terminal");
    }
    const dumper = await Dumper.open(settings, {
      port: this.#parts.port,
      color: settings.file === STDOUT && hasColors(),
      permits: this.#permits,
      onFileError: ({ message }) => {
        this.#fileFailures.notice(`${message}, its records are dropped`);
      },
      onError: (error) => {
        const isExpected = origin === "command line" && hasReaderExited(error, settings);
        if (dumper.closed) {
          if (!isExpected) this.#parts.notice(`${error.message}, its records are dropped`);
          return;
        }
        if (isExpected) return this.#readerExited.resolve();
        this.#parts.notice(`${error.message}, the dump is off`);
        void this.#inTurn(async () => this.#running?.dumper === dumper && await this.#off());
      },
    });
    const take: TakeRecord = (record) => dumper.take(record);
    const { filter, side, overflow } = settings;
    return {
      dumper,
      since: Date.now(),
      plane: {
        taps: dumpTaps(parseDumpFilter(filter), take, { side }),
        room: () => dumper.room(),
        order: { generation: ++this.#generation, filter, side, overflow },
        take,
      },
      // -p loses nothing, however slow its reader is, as in 3.35.
      endPatienceMs: origin === "command line" && isClassic(settings) ? undefined : PATIENCE_MS,
    };
  }

  /** Runs commands one after the other. */
  #inTurn<T>(command: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(command);
    this.#turn = result.catch(() => {});
    return result;
  }
}

function statusOf({ dumper, since }: RunningDump): DumpStatus {
  const { settings, counts, waitsForReader } = dumper;
  const path = outsidePath(dumper.path);
  return { settings, since, path, ...counts, ...(waitsForReader ? { waitsForReader } : {}) };
}

/** An absolute path, since the program changes to "/" before it opens further files. */
function absolute(file: string): string {
  if (file === STDOUT || file.startsWith("/")) return file;
  return `${Deno.cwd().replaceAll("%", "%%").replace(/\/$/, "")}/${file}`;
}
