/**
 * The two ways to run balance in a test that replays a recorded session: as a subprocess, and in
 * this process, where the counters are accessible.
 *
 * @module
 */
import type { ChannelRow } from "../../../lib/table/table.ts";
import { startInProcess } from "./in_process.ts";
import { startBalance } from "./start_balance.ts";

/** A running balance. */
export interface RunningBalance extends AsyncDisposable {
  readonly port: number;
  /** What it has written to stderr so far. */
  stderr(): string;
  /** The lines of `-d` about connections so far. */
  debugLines(): string[];
  /** What it has written to stdout so far. */
  stdoutBytes(): Uint8Array<ArrayBuffer>;
  /** Process id; absent in this process. */
  readonly pid?: number;
  /** The counters of a channel of group 0; absent for the program. */
  readonly row?: (channel: number) => ChannelRow;
  /** Waits until no connection is open; absent for the program. */
  readonly idle?: () => Promise<void>;
  /** Disables a channel of group 0; absent for the program. */
  readonly disable?: (channel: number) => void;
}

/** One of the two ways to run balance. */
export interface RunMode {
  readonly name: string;
  /** @param argv Arguments, with `PORT` for the port. */
  start(argv: readonly string[]): Promise<RunningBalance>;
}

/** The program, as a subprocess. */
export const asProgram: RunMode = {
  name: "the program",
  async start(argv) {
    const balance = await startBalance(argv, { expectStderr: "any" });
    return {
      port: balance.port,
      pid: balance.pid,
      stderr: () => balance.stderr,
      debugLines: () => balance.stderr.split("\n").filter((line) => /^connect /.test(line)),
      stdoutBytes: () => balance.stdoutBytes,
      [Symbol.asyncDispose]: () => balance[Symbol.asyncDispose](),
    };
  },
};

/** Its data plane, in this process. */
export const inProcess: RunMode = {
  name: "in process",
  async start(argv) {
    const balance = await startInProcess(argv);
    return {
      port: balance.port,
      stderr: () => balance.stderr,
      debugLines: () => [...balance.debugLines],
      stdoutBytes: () => balance.stdoutBytes,
      row: (channel) => balance.table.row(0, channel),
      idle: () => balance.idle(),
      disable: (channel) => void balance.table.setState(0, channel, "disabled"),
      [Symbol.asyncDispose]: () => balance[Symbol.asyncDispose](),
    };
  },
};
