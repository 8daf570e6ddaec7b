/** How the program ends. */

import { EXIT } from "../base/errors.ts";
import type { ControlServer } from "../control/server.ts";
import type { DataPlane } from "../workers/data_plane.ts";
import { notifyManager } from "../system/notify.ts";
import { type EndSignal, SIGNAL_EXIT, type Signals } from "../system/signals.ts";

/** A program that serves until something ends it. */
export interface Life {
  /** Resolves with the exit code when everything is closed. */
  readonly ended: Promise<number>;
  /** The command `kill`: no new connections, open ones run to their end. */
  kill(): Promise<void>;
  /** Nobody reads the packet dump any more: ends at once and quietly. */
  outputClosed(): void;
}

/**
 * Waits for the end and carries it out.
 *
 * SIGTERM and SIGINT: no new connections, the control socket goes, open connections have a
 * grace time; a second signal cuts them off. SIGHUP ends the foreground at once; in the
 * background it asks to open logs again, as SIGUSR2 does in both. The exit code is 0 when every
 * connection ran to its end, else that of the signal.
 *
 * @param parts What ends; `signals`, handled from now on; `status`, which SIGUSR1 asks for; `reopen`, which opens logs again;
 * `stopping`, which is told once that no connections are accepted any more.
 */
export function startLife(
  parts: {
    plane: DataPlane;
    control: ControlServer;
    signals: Signals;
    graceS: number;
    foreground: boolean;
    status: () => void;
    reopen: () => void;
    stopping: () => void;
  },
): Life {
  const { plane, control } = parts;
  let stopping: Promise<void> | undefined;
  let told: Promise<void> | undefined;
  let grace: ReturnType<typeof setTimeout> | undefined;
  let signals = 0;
  let cutOffCode: number = EXIT.ok;

  function stop(): Promise<void> {
    if (stopping === undefined) {
      parts.stopping();
      told = notifyManager("STOPPING=1");
    }
    // The socket goes last: who sees it gone may start a successor on the same port.
    return stopping ??= plane.stop().then(() => control.stop());
  }

  function cutOff(code: number): void {
    cutOffCode = code;
    plane.closeAll();
  }

  function end(signal: EndSignal): void {
    if (signal === "SIGHUP" && !parts.foreground) return parts.reopen();
    void stop();
    const code = SIGNAL_EXIT[signal];
    if (signal === "SIGHUP" || ++signals > 1) cutOff(code);
    else grace = setTimeout(() => cutOff(code), parts.graceS * 1000);
  }

  parts.signals.handle({ end, status: parts.status, reopen: parts.reopen });

  async function untilEnded(): Promise<number> {
    const { cutOff } = await plane.done;
    clearTimeout(grace);
    await control.close();
    await told;
    parts.signals[Symbol.dispose]();
    return cutOff > 0 ? cutOffCode : EXIT.ok;
  }

  return {
    ended: untilEnded(),
    kill: stop,
    outputClosed() {
      void stop();
      cutOff(EXIT.ok);
    },
  };
}
