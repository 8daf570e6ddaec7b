/** Reports readiness and status to the service manager, for example systemd. */

import { counted } from "../base/integers.ts";
import { monotonicMicroseconds, openNotifier } from "../system/notify.ts";
import { channelCounts, openConnections } from "../table/counts.ts";
import type { Table } from "../table/table.ts";

/** Milliseconds between two status updates. */
const STATUS_MS = 2000;

/**
 * Sent with each status of the shutdown, at intervals that are much shorter: how many more
 * microseconds it may take. A drain after `kill` has no time limit.
 */
const MORE_TIME = "EXTEND_TIMEOUT_USEC=10000000";

/** The service manager of this program; there may be none. */
export interface ServiceManager {
  /** The program serves. Resolves when that is reported, after a second at most. */
  ready(): Promise<void>;
  /** The configuration is read again. */
  reloading(): Promise<void>;
  /** That has ended. @param failure Why it has failed; part of the status until one succeeds. */
  reloaded(failure?: string): Promise<void>;
  /** The program is shutting down. Sends nothing after {@link handedOver}. */
  stopping(): Promise<void>;
  /** Another process is the main process of the service now, and reports from now on. */
  handedOver(pid: number): Promise<void>;
  /** That other process has died: this is the main process again. */
  resumed(): Promise<void>;
  /** Stops the status updates. */
  close(): void;
}

/**
 * Connects to the service manager. Once the program is ready, the status (`STATUS=`) is sent
 * about every two seconds if it has changed. During the shutdown it is always sent, and asks the
 * manager for more time, so that its time limit does not cut off the drain.
 *
 * @param waiting Returns how many clients are in the wait line.
 */
export function openServiceManager(table: Table, waiting: () => number): ServiceManager {
  const notifier = openNotifier();
  if (notifier === undefined) {
    const nothing = () => Promise.resolve();
    return {
      ...{ ready: nothing, reloading: nothing, reloaded: nothing, stopping: nothing },
      ...{ handedOver: nothing, resumed: nothing, close() {} },
    };
  }
  let ready = false, stopping = false, isSuccessors = false, sent = "";
  let reloadFailure: string | undefined;
  let timer: ReturnType<typeof setInterval> | undefined;

  async function send(...states: string[]): Promise<void> {
    if (isSuccessors) return;
    const status = stopping ? drainingStatus(table, waiting()) : [
      servingStatus(table, waiting()),
      ...(reloadFailure === undefined ? [] : [`reload failed: ${reloadFailure}`]),
    ].join(", ");
    // A manager that reads nothing must not cost memory.
    if (states.length === 0 && (notifier?.busy || (status === sent && !stopping))) return;
    sent = status;
    await notifier?.notify(...states, ...(stopping ? [MORE_TIME] : []), `STATUS=${status}`);
  }
  return {
    async ready() {
      timer = setInterval(() => void send(), STATUS_MS);
      Deno.unrefTimer(timer);
      ready = true;
      await send("READY=1");
    },
    async reloading() {
      // Before it is ready, and after it was stopped, the manager waits for something else.
      if (!ready || stopping || isSuccessors) return;
      await notifier.notify("RELOADING=1", `MONOTONIC_USEC=${monotonicMicroseconds()}`);
    },
    async reloaded(failure) {
      reloadFailure = failure;
      if (ready && !stopping) await send("READY=1");
    },
    async stopping() {
      stopping = true;
      await send("STOPPING=1");
    },
    async handedOver(pid) {
      isSuccessors = true;
      await notifier.notify(`MAINPID=${pid}`);
    },
    async resumed() {
      isSuccessors = false;
      await send(`MAINPID=${Deno.pid}`);
    },
    close() {
      clearInterval(timer);
      notifier[Symbol.dispose]();
    },
  };
}

function servingStatus(table: Table, waiting: number): string {
  const { available, channels } = channelCounts(table);
  const connections = counted(openConnections(table), "connection");
  const clients = waiting === 0 ? "" : `, ${counted(waiting, "client")} waiting`;
  return `${connections}, ${available} of ${counted(channels, "channel")} available${clients}`;
}

function drainingStatus(table: Table, waiting: number): string {
  const open = openConnections(table) + waiting;
  return open === 0 ? "stopping" : `draining, ${counted(open, "connection")} left`;
}
