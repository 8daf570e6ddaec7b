/** Graceful shutdown: signals, grace time, exit code. */

import { EXIT } from "../base/errors.ts";
import type { Lifecycle } from "../control/commands/command.ts";
import type { ControlServer } from "../control/server.ts";
import { type EndSignal, SIGNAL_EXIT, type Signals } from "../system/signals.ts";
import type { DataPlane } from "../workers/data_plane.ts";

/** What is shut down, and what signals do. */
export interface ShutdownParts {
  readonly plane: DataPlane;
  /** Answers until the last connection has ended. */
  readonly control: ControlServer;
  /** Number of open connections. */
  readonly open: () => number;
  readonly signals: Signals;
  /** `--grace`: seconds that open connections may take to end. */
  readonly graceS: () => number;
  /** SIGQUIT: prints the table. */
  readonly status: () => void;
  /** Reopens log and dump files. */
  readonly reopen: () => void;
  /** Reopens these files, and reads the configuration again. */
  readonly reload: () => void;
  /** Called once, when the shutdown starts; the program does not end before it resolves. */
  readonly stopping: () => Promise<void>;
  /** Called after a signal if connections are left that may take the grace time to end. */
  readonly draining: (signal: EndSignal) => void;
}

/** A program that runs until something stops it. */
export interface RunningProgram extends Lifecycle {
  /** Resolves with the exit code when everything is closed. */
  readonly ended: Promise<number>;
  /**
   * A successor has taken over: stops accepting, and ends with code 0 when the open connections have
   * ended, or after the grace time.
   *
   * @param leave Closes the listening sockets.
   */
  retire(leave: () => Promise<void>): Promise<void>;
  /** The reader of the packet dump is gone: ends immediately, without a message. */
  outputClosed(): void;
}

/**
 * Runs until a signal or the command `kill` stops the program, and shuts it down.
 *
 * SIGTERM and SIGINT: graceful shutdown. New connections are refused, and open ones may take the
 * grace time to end; a second signal cuts them off. Control clients are served until then.
 * SIGHUP ends the program immediately. The exit code is 0 if every connection ran to its end, else
 * that of the signal. If no worker is left to serve, the program ends with 70.
 */
export function runUntilStopped(parts: ShutdownParts): RunningProgram {
  const { plane, control } = parts;
  let stopping: Promise<void> | undefined;
  let notified: Promise<void> | undefined;
  const grace = newGrace(parts.graceS, cutOff);
  let signals = 0;
  let cutOffCode: number = EXIT.ok;

  function stop(): Promise<void> {
    if (stopping === undefined) {
      notified = parts.stopping();
      stopping = plane.stop().then(async () => {
        // `kill` may report that the shutdown is complete.
        if (parts.open() === 0) await control.stop();
      });
    }
    return stopping;
  }

  async function retire(leave: () => Promise<void>): Promise<void> {
    if (stopping === undefined) {
      grace.start(EXIT.ok);
      stopping = leave().then(() => plane.stop()).then(async () => {
        if (parts.open() === 0) await control.stop();
      });
    }
    await stopping;
  }

  function cutOff(code: number): void {
    cutOffCode = code;
    plane.closeAll();
  }

  function end(signal: EndSignal): void {
    void stop();
    const code = SIGNAL_EXIT[signal];
    if (signal === "SIGHUP" || ++signals > 1) cutOff(code);
    else {
      grace.start(code);
      void stop().then(() => {
        if (signals === 1 && parts.open() > 0) parts.draining(signal);
      });
    }
  }

  async function untilEnded(): Promise<number> {
    const { cutOff, isLost = false } = await plane.done;
    if (isLost) void stop();
    grace.end();
    await control.close();
    await notified;
    parts.signals[Symbol.dispose]();
    if (isLost) return EXIT.software;
    return cutOff > 0 ? cutOffCode : EXIT.ok;
  }

  const { status, reopen, reload } = parts;
  parts.signals.handle({ end, status, reopen, reload });
  return {
    ended: untilEnded(),
    get stopping() {
      return stopping !== undefined;
    },
    get open() {
      return parts.open();
    },
    get graceLeftMs() {
      return grace.leftMs;
    },
    stop,
    retire,
    outputClosed() {
      void stop();
      cutOff(EXIT.ok);
    },
  };
}

/** The time that open connections may take to end. */
interface Grace {
  /** Starts it, or starts it again. @param code The exit code if it is too short. */
  start(code: number): void;
  end(): void;
  /** Milliseconds that are left; `undefined` unless it was started. */
  readonly leftMs: number | undefined;
}

function newGrace(graceS: () => number, cutOff: (code: number) => void): Grace {
  let timer: ReturnType<typeof setTimeout> | undefined, endsAt: number | undefined;
  return {
    start(code) {
      clearTimeout(timer);
      const ms = graceS() * 1000;
      endsAt = performance.now() + ms;
      timer = setTimeout(() => cutOff(code), ms);
    },
    end: () => clearTimeout(timer),
    get leftMs() {
      return endsAt && Math.max(0, endsAt - performance.now());
    },
  };
}
