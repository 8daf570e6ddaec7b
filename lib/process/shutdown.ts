/** Graceful shutdown: signals, grace time, exit code. */

import { EXIT } from "../base/errors.ts";
import type { ControlServer } from "../control/server.ts";
import { notifyManager } from "../system/notify.ts";
import { type EndSignal, SIGNAL_EXIT, type Signals } from "../system/signals.ts";
import type { DataPlane } from "../workers/data_plane.ts";

/** What is shut down, and what signals do. */
export interface ShutdownParts {
  readonly plane: DataPlane;
  readonly control: ControlServer;
  readonly signals: Signals;
  /** `--grace`: seconds that open connections may take to end. */
  readonly graceS: number;
  /** SIGUSR1: prints the table. */
  readonly status: () => void;
  /** Reopens log and dump files. */
  readonly reopen: () => void;
  /** Called once, when no more connections are accepted. */
  readonly stopping: () => void;
}

/** A program that runs until something stops it. */
export interface RunningProgram {
  /** Resolves with the exit code when everything is closed. */
  readonly ended: Promise<number>;
  /** The command `kill`: no new connections; open ones run to their end. */
  kill(): Promise<void>;
  /** The reader of the packet dump is gone: ends immediately, without a message. */
  outputClosed(): void;
}

/**
 * Runs until a signal or the command `kill` stops the program, and shuts it down.
 *
 * SIGTERM and SIGINT: graceful shutdown. New connections are refused, the control socket is
 * removed, and open connections may take the grace time to end; a second signal cuts them off.
 * SIGHUP ends the program immediately. The exit code is 0 if every connection ran to its end, else
 * that of the signal.
 */
export function runUntilStopped(parts: ShutdownParts): RunningProgram {
  const { plane, control } = parts;
  let stopping: Promise<void> | undefined;
  let notified: Promise<void> | undefined;
  let grace: ReturnType<typeof setTimeout> | undefined;
  let signals = 0;
  let cutOffCode: number = EXIT.ok;

  function stop(): Promise<void> {
    if (stopping === undefined) {
      parts.stopping();
      notified = notifyManager("STOPPING=1");
      // The control socket is removed last: after that, a successor may start on the same port.
      stopping = plane.stop().then(() => control.stop());
    }
    return stopping;
  }

  function cutOff(code: number): void {
    cutOffCode = code;
    plane.closeAll();
  }

  function end(signal: EndSignal): void {
    void stop();
    const code = SIGNAL_EXIT[signal];
    if (signal === "SIGHUP" || ++signals > 1) cutOff(code);
    else grace = setTimeout(() => cutOff(code), parts.graceS * 1000);
  }

  async function untilEnded(): Promise<number> {
    const { cutOff } = await plane.done;
    clearTimeout(grace);
    await control.close();
    await notified;
    parts.signals[Symbol.dispose]();
    return cutOff > 0 ? cutOffCode : EXIT.ok;
  }

  parts.signals.handle({ end, status: parts.status, reopen: parts.reopen });
  return {
    ended: untilEnded(),
    kill: stop,
    outputClosed() {
      void stop();
      cutOff(EXIT.ok);
    },
  };
}
