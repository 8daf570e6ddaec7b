/**
 * The packet dump of the running program: begun by the command line or by `dump on`, at most one
 * at a time, ended by `dump off` or by an error of its output. Nothing of it ever ends the
 * relay, except that a dump on standard output from the command line ends the program with its
 * reader, as 3.35.
 */

import { EXIT, ExitError, messageOf, UsageError } from "../base/errors.ts";
import { NAME } from "../base/version.ts";
import type { Options } from "../cli/options.ts";
import type { TapMaker } from "../connection/observe.ts";
import type { DumpControl, DumpStatus } from "../control/command.ts";
import { dumpTaps } from "../dump/dump_tap.ts";
import { type DumpCounts, openDumper } from "../dump/dumper.ts";
import { STDOUT } from "../base/stdout.ts";
import { parseConnectionNumber, parseDumpFilter } from "../dump/filter.ts";
import type { DumpRecord } from "../dump/record.ts";
import {
  CLASSIC_DUMP,
  type DumpSettings,
  type DumpTexts,
  parseDumpSettings,
} from "../dump/settings.ts";
import { textTap } from "../dump/text_tap.ts";
import { BatchWriter } from "../base/batch_writer.ts";
import type { DataPlane } from "../workers/data_plane.ts";
import type { PlaneDump } from "../workers/dump_order.ts";

/** Milliseconds that a reader may take nothing before the end of a dump is given up. */
const PATIENCE_MS = 1000;

/** What the dump has to know of the program. */
export interface DumpParts {
  /** The port that balance listens on. */
  readonly port: number;
  readonly notice: (line: string) => void;
}

/** Turns the dump on and off. */
export interface DumpSwitch extends DumpControl {
  /** What to serve with now; absent when nothing is dumped. */
  readonly current: PlaneDump | undefined;
  /**
   * To be called once the program serves.
   *
   * @param plane Those who serve connections, told about every change from now on.
   * @param options `outputClosed`: nobody reads standard output any more, where the command line
   *     wants the dump.
   */
  attach(plane: DataPlane, options: { outputClosed: () => void }): void;
  /** Records dropped since the program began: only ever grows. */
  dropped(): number;
  /** Files that were moved away are begun anew. */
  reopen(): void;
  /** Writes what is left, as far as it is read, and closes. */
  close(): Promise<void>;
}

/** The dump that is on. */
interface Running {
  readonly settings: DumpSettings;
  /** Milliseconds since 1970. */
  readonly since: number;
  readonly plane: PlaneDump;
  path(): string;
  counts(): DumpCounts;
  reopen(): void;
  /** `atEnd` of the program, else by control. */
  close(when: "atEnd" | "off"): Promise<void>;
}

/** Where a dump comes from decides what an error of it means. */
type Origin = "command line" | "control";

/**
 * Begins the dump that the command line asks for, if it does.
 *
 * @param options What the command line asks for.
 * @param parts See {@link DumpParts}.
 * @throws {ExitError} With exit code 73 if the file cannot be made.
 */
export async function openDumpSwitch(
  options: Pick<Options, "packetDump" | "dump" | "foreground">,
  parts: DumpParts,
): Promise<DumpSwitch> {
  const made = new Switch(options, parts);
  await made.inTurn(() => made.begin(options));
  return made;
}

class Switch implements DumpSwitch {
  readonly #parts: DumpParts;
  readonly #foreground: boolean;
  /** What `dump on` means without arguments. */
  #base: DumpSettings | undefined;
  #running: Running | undefined;
  #plane: DataPlane | undefined;
  #generation = 0;
  #droppedBefore = 0;
  readonly #readerGone = Promise.withResolvers<void>();
  /** Commands are carried out one after the other. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: Pick<Options, "foreground">, parts: DumpParts) {
    this.#parts = parts;
    this.#foreground = options.foreground;
    if (options.foreground) this.#base = CLASSIC_DUMP;
  }

  async begin(options: Pick<Options, "packetDump" | "dump">): Promise<void> {
    const { packetDump, dump } = options;
    if (packetDump) {
      this.#running = this.#classic();
      return;
    }
    if (dump === undefined) return;
    const settings = { ...dump, file: absolute(dump.file) };
    try {
      this.#running = await this.#open(settings, "command line");
      this.#base = settings;
    } catch (error) {
      // Nobody reads it from the start: as when nobody reads it any more.
      if (isReaderGone(error, settings)) throw new ExitError("", EXIT.ok);
      const line = `${NAME}: ${messageOf(error)}`;
      throw error instanceof UsageError
        ? new UsageError(line)
        : new ExitError(line, EXIT.canNotCreate);
    }
  }

  get current(): PlaneDump | undefined {
    return this.#running?.plane;
  }

  attach(plane: DataPlane, { outputClosed }: { outputClosed: () => void }): void {
    this.#plane = plane;
    void this.#readerGone.promise.then(outputClosed);
  }

  on(texts: DumpTexts): Promise<DumpStatus> {
    return this.inTurn(() => this.#on(texts));
  }

  off(): Promise<boolean> {
    return this.inTurn(() => this.#off());
  }

  status(): DumpStatus | undefined {
    return this.#running && statusOf(this.#running);
  }

  dropped(): number {
    return this.#droppedBefore + (this.#running?.counts().dropped ?? 0);
  }

  reopen(): void {
    this.#running?.reopen();
  }

  async close(): Promise<void> {
    await this.#last;
    await this.#running?.close("atEnd");
  }

  async #on(texts: DumpTexts): Promise<DumpStatus> {
    const settings = await this.#settings(texts);
    // Two at a time in the same file would mix.
    if (this.#running?.settings.file === settings.file) await this.#off();
    const running = await this.#open(settings, "control");
    const before = this.#running;
    this.#droppedBefore += before?.counts().dropped ?? 0;
    this.#running = running;
    this.#base = settings;
    await this.#plane?.setDump(running.plane);
    await before?.close("off");
    return statusOf(running);
  }

  async #off(): Promise<boolean> {
    const running = this.#running;
    if (running === undefined) return false;
    this.#running = undefined;
    this.#droppedBefore += running.counts().dropped;
    await this.#plane?.setDump(undefined);
    await running.close("off");
    return true;
  }

  async #settings(texts: DumpTexts): Promise<DumpSettings> {
    const isBare = texts.file === undefined && texts.format === undefined;
    if (isBare && this.#base === undefined) throw new UsageError("dump to which file?");
    const settings = parseDumpSettings(texts, this.#base);
    if (settings.file === STDOUT && !this.#foreground) {
      throw new UsageError("in the background there is no standard output: name a file");
    }
    if (settings.file !== STDOUT && !settings.file.startsWith("/")) {
      throw new UsageError(
        `invalid dump file [${settings.file}]: want a path that begins with a slash`,
      );
    }
    const { connection } = settings.filter;
    if (connection !== undefined) {
      const id = parseConnectionNumber(connection);
      const found = await this.#plane?.connections() ?? [];
      if (!found.some((info) => info.id === id)) {
        throw new UsageError(`no such connection ${id}`);
      }
    }
    return settings;
  }

  async #open(settings: DumpSettings, origin: Origin): Promise<Running> {
    if (settings.file === STDOUT && settings.format === "pcapng" && Deno.stdout.isTerminal()) {
      throw new UsageError("pcapng is not for a terminal: dump to a file or a pipe");
    }
    const dumper = await openDumper(settings, {
      port: this.#parts.port,
      // What was seen once is not thrown away by a command.
      existing: origin === "control" ? "keep" : "replace",
      onError: (error) => {
        if (origin === "command line" && isReaderGone(error, settings)) {
          return this.#readerGone.resolve();
        }
        this.#parts.notice(`${error.message}, the dump is off`);
        void this.inTurn(async () => this.#running === running && await this.#off());
      },
    });
    const take = (record: DumpRecord) => dumper.take(record);
    const taps = dumpTaps(parseDumpFilter(settings.filter), take);
    const running: Running = {
      settings,
      since: Date.now(),
      plane: this.#planeDump(settings, { taps, take }),
      path: () => dumper.path,
      counts: () => dumper.counts,
      reopen: () => dumper.reopen(),
      close: () => dumper.close(PATIENCE_MS),
    };
    return running;
  }

  /** `-p` alone, to the byte that of 3.35. */
  #classic(): Running {
    let chunks = 0, bytes = 0;
    const writer = new BatchWriter(
      (bytes) => Deno.stdout.write(bytes),
      () => this.#readerGone.resolve(),
    );
    const taps: TapMaker = () => {
      const tap = textTap(writer);
      return {
        ...tap,
        chunk(side, chunk) {
          chunks++;
          bytes += chunk.length;
          return tap.chunk(side, chunk);
        },
      };
    };
    return {
      settings: CLASSIC_DUMP,
      since: Date.now(),
      plane: this.#planeDump(CLASSIC_DUMP, { taps, take: () => undefined }),
      path: () => STDOUT,
      counts: () => ({ chunks, bytes, dropped: 0 }),
      reopen() {},
      async close(when) {
        if (when === "atEnd") return await writer.flush();
        const timer = setTimeout(() => writer.abandon(), PATIENCE_MS);
        await writer.flush();
        clearTimeout(timer);
      },
    };
  }

  #planeDump(
    { filter, overflow }: DumpSettings,
    parts: Pick<PlaneDump, "taps" | "take">,
  ): PlaneDump {
    return { ...parts, order: { generation: ++this.#generation, filter, overflow } };
  }

  /** Does one thing after the other. */
  inTurn<T>(act: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(act);
    this.#last = turn.catch(() => {});
    return turn;
  }
}

/** Whether an error means that the reader of standard output has gone. */
function isReaderGone(error: unknown, { file }: DumpSettings): boolean {
  return file === STDOUT && error instanceof Error &&
    error.cause instanceof Deno.errors.BrokenPipe;
}

function statusOf({ settings, since, path, counts }: Running): DumpStatus {
  return { settings, since, path: path(), ...counts() };
}

/** The program leaves for "/" later, and begins further files then. */
function absolute(file: string): string {
  if (file === STDOUT || file.startsWith("/")) return file;
  return `${Deno.cwd().replaceAll("%", "%%").replace(/\/$/, "")}/${file}`;
}
