/**
 * The running program: listener, table, connections and control channel, from options to the
 * exit code; the same in the foreground and in the background.
 */

import type { Endpoint } from "../base/endpoint.ts";
import { resolveHost } from "../address/resolve.ts";
import { type ServiceLookup, systemServices } from "../address/services.ts";
import { ExitError } from "../base/errors.ts";
import { DUMP_BLOCK_BYTES } from "../base/limits.ts";
import { parseGroups } from "../cli/groups.ts";
import type { Options } from "../cli/options.ts";
import type { ConnectionOptions } from "../connection/connection.ts";
import { listenControl } from "../control/control_socket.ts";
import { serveControl } from "../control/server.ts";
import { denoEngine } from "../engine/deno/deno_engine.ts";
import type { Listener } from "../engine/engine.ts";
import { show } from "../table/show.ts";
import type { Table } from "../table/table.ts";
import { surviveBugs } from "../system/survive_bugs.ts";
import { maxConnections } from "../system/capacity.ts";
import { channelList, tableOf } from "./build_table.ts";
import { type DataPlane, serveHere } from "../workers/data_plane.ts";
import { type DumpSwitch, openDumpSwitch } from "./dump_switch.ts";
import { startLife } from "./shutdown.ts";
import { listen, listeningAddress } from "./listen.ts";
import { processLimits } from "../system/native.ts";
import { notifyManager } from "../system/notify.ts";
import { listenForSignals, SIGNAL_EXIT, type Signals } from "../system/signals.ts";
import { openReports, type Reports } from "./reports.ts";
import { sourceAddress } from "./source_address.ts";
import type { Voice } from "../system/messages.ts";
import { startWorkers } from "../workers/pool.ts";

/** Milliseconds that starting may still take when a signal wants the end. */
const EARLY_MS = 500;

/** What is checked, resolved and bound before anything is served. */
interface Prepared {
  readonly at: Endpoint;
  readonly source: string | undefined;
  readonly services: ServiceLookup;
  readonly table: Table;
  readonly listener: Listener;
  readonly control: Deno.UnixListener;
  readonly reports: Reports;
  readonly dump: DumpSwitch;
}

/**
 * Validates everything, resolves, binds, and serves.
 *
 * @param options What the command line asks for.
 * @param voice Where to say things.
 * @returns Resolves with the exit code when the program has ended: by a signal or by control.
 * @throws {ExitError} If it cannot start; nothing stays behind then.
 */
export async function startMaster(
  options: Options,
  voice: Voice,
): Promise<{ ended: Promise<number> }> {
  const { notice, debug } = voice;
  surviveBugs(notice);
  const signals = listenForSignals();
  const prepared = await Promise.race([prepare(options, voice), endedEarly(signals)])
    .catch((error) => {
      signals[Symbol.dispose]();
      throw error;
    });
  const { table, services, reports, dump } = prepared;
  // What is read at once is a block of the text format.
  const isText = options.packetDump || options.dump?.format === "text";
  const chunkBytes = isText ? DUMP_BLOCK_BYTES : undefined;
  const connection: ConnectionOptions = {
    connectTimeoutMs: options.connectTimeoutS * 1000,
    idleTimeoutMs: options.idleTimeoutS * 1000,
    hashFailover: options.hashFailover,
    autoDisable: options.autoDisable,
    source: prepared.source,
  };
  const most = maxConnections(processLimits(), table.size.workers);
  const plane = table.size.workers > 1
    ? await startInWorkers(prepared, { connection, voice, chunkBytes, maxConnections: most })
    : serveHere(prepared.listener, {
      engine: denoEngine,
      table,
      options: connection,
      notice,
      debug,
      tap: dump.current?.taps,
      chunkBytes,
      maxConnections: most,
      monitor: reports.monitor,
    });
  const control = serveControl(prepared.control, {
    context: {
      table,
      services,
      resolve: (host) => resolveHost(host),
      connections: plane,
      dump,
      listener: prepared.at,
    },
    kill: () => life.kill(),
  });
  const life = startLife({
    plane,
    control,
    signals,
    graceS: options.graceS,
    foreground: options.foreground,
    status: () => notice(show(table).trimEnd()),
    reopen() {
      reports.reopen();
      dump.reopen();
    },
    stopping: () => reports.stopping(),
  });
  dump.attach(plane, { outputClosed: () => life.outputClosed() });
  await notifyManager("READY=1");
  return {
    ended: life.ended.then(async (code) => {
      await dump.close();
      await reports.close();
      return code;
    }),
  };
}

/**
 * Rejects when a signal ends the program before it serves. Mostly it is about to serve, and then
 * ends in order; a resolver that takes its time is not waited for.
 */
async function endedEarly(signals: Signals): Promise<never> {
  const signal = await signals.early;
  await new Promise((resolve) => setTimeout(resolve, EARLY_MS));
  throw new ExitError("", SIGNAL_EXIT[signal]);
}

async function startInWorkers(
  { at, table, listener, control, reports, dump }: Prepared,
  { connection, ...given }: {
    connection: ConnectionOptions;
    voice: Voice;
    chunkBytes: number | undefined;
    maxConnections: number | undefined;
  },
): Promise<DataPlane> {
  try {
    return await startWorkers({
      count: table.size.workers,
      at,
      table,
      options: connection,
      reports,
      dump: dump.current,
      ...given,
    });
  } catch (error) {
    control.close();
    await dump.close();
    await reports.close();
    throw error;
  } finally {
    // It kept the address ours while the workers took their shares of it.
    listener.close();
  }
}

async function prepare(options: Options, { notice, debug }: Voice): Promise<Prepared> {
  const services = systemServices();
  const at = await listeningAddress(options, services);
  debug?.(`using port ${at.port}`);
  const source = options.sourceHost === undefined
    ? undefined
    : await sourceAddress(options.sourceHost);

  using undo = new DisposableStack();
  // The dump of 3.35 goes straight to stdout, in whole blocks: it takes one worker.
  const workers = options.packetDump ? 1 : options.workers;
  const listener = listen(denoEngine, { ...at, shared: workers > 1 });
  undo.defer(() => listener.close());
  debug?.(`bound to address ${at.address}`);
  const { maxGroups, maxChannels } = options;
  const groups = parseGroups(options.channels, {
    defaultPort: at.port,
    services,
    maxGroups,
    maxChannels,
  });
  const table = await tableOf(groups, {
    size: { groups: maxGroups, channels: maxChannels, workers },
  });
  const control = await listenControl(at);
  undo.defer(() => control.listener.close());
  debug?.(`control socket ${control.path} is ${control.replaced ? "taken over" : "new"}`);
  let dump: DumpSwitch | undefined;
  const dumpDropped = () => dump?.dropped() ?? 0;
  const reports = await openReports(options, { table, at, notice, dumpDropped });
  try {
    // Last of all, since it replaces the file of the run before.
    dump = await openDumpSwitch(options, { port: at.port, notice });
  } catch (error) {
    await reports.close();
    throw error;
  }
  if (debug !== undefined) channelList(table).forEach(debug);
  undo.move();
  return { at, source, services, table, listener, control: control.listener, reports, dump };
}
