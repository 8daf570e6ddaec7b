/**
 * The running program: listener, table, connections and control channel, from options to the
 * exit code; the same in the foreground and in the background.
 */

import { resolveHost } from "../address/resolve.ts";
import { type ServiceLookup, systemServices } from "../address/services.ts";
import { DUMP_BLOCK_BYTES } from "../base/limits.ts";
import { parseGroups } from "../cli/groups.ts";
import type { Options } from "../cli/options.ts";
import type { ConnectionOptions } from "../connection/connection.ts";
import { listenControl } from "../control/rendezvous.ts";
import { serveControl } from "../control/server.ts";
import { textTap } from "../dump/text_tap.ts";
import { BatchWriter } from "../dump/writer.ts";
import { denoEngine } from "../engine/deno_engine.ts";
import type { Endpoint, Listener } from "../engine/engine.ts";
import { show } from "../table/show.ts";
import type { Table } from "../table/table.ts";
import { channelList, tableOf } from "./channels.ts";
import { type DataPlane, serveHere } from "./data_plane.ts";
import { startLife } from "./life.ts";
import { listen, listeningAddress } from "./listen.ts";
import { notifyManager } from "./notify.ts";
import { openReports, type Reports } from "./reports.ts";
import { sourceAddress } from "./source_address.ts";
import { startWorkers } from "./worker_pool.ts";

/** Where the program says what it has to say. */
export interface Voice {
  /** Says a line that an administrator should see. */
  readonly notice: (line: string) => void;
  /** Says a line of `-d`; absent without it. */
  readonly debug?: ((line: string) => void) | undefined;
}

/** What is checked, resolved and bound before anything is served. */
interface Prepared {
  readonly at: Endpoint;
  readonly source: string | undefined;
  readonly services: ServiceLookup;
  readonly table: Table;
  readonly listener: Listener;
  readonly control: Deno.UnixListener;
  readonly reports: Reports;
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
  const prepared = await prepare(options, voice);
  const { table, services, reports } = prepared;
  const writer = options.packetDump
    ? new BatchWriter((bytes) => Deno.stdout.write(bytes), () => life.outputClosed())
    : undefined;
  const connection: ConnectionOptions = {
    connectTimeoutMs: options.connectTimeoutS * 1000,
    idleTimeoutMs: options.idleTimeoutS * 1000,
    hashFailover: options.hashFailover,
    autoDisable: options.autoDisable,
    source: prepared.source,
  };
  const plane = table.size.workers > 1
    ? await startInWorkers(prepared, { connection, voice })
    : serveHere(prepared.listener, {
      engine: denoEngine,
      table,
      options: connection,
      notice,
      debug,
      tap: writer && (() => textTap(writer)),
      chunkBytes: writer && DUMP_BLOCK_BYTES,
      monitor: reports.monitor,
    });
  const control = serveControl(prepared.control, {
    context: {
      table,
      services,
      resolve: (host) => resolveHost(host),
      connections: plane,
      listener: prepared.at,
    },
    kill: () => life.kill(),
  });
  const life = startLife({
    plane,
    control,
    graceS: options.graceS,
    foreground: options.foreground,
    status: () => notice(show(table).trimEnd()),
    reopen: () => reports.reopen(),
    stopping: () => reports.stopping(),
  });
  await notifyManager("READY=1");
  return {
    ended: life.ended.then(async (code) => {
      await writer?.flush();
      await reports.close();
      return code;
    }),
  };
}

async function startInWorkers(
  { at, table, listener, control, reports }: Prepared,
  { connection, voice }: { connection: ConnectionOptions; voice: Voice },
): Promise<DataPlane> {
  const { notice, debug } = voice;
  const count = table.size.workers;
  try {
    return await startWorkers({ count, at, table, options: connection, notice, debug, reports });
  } catch (error) {
    control.close();
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
  // The packet dump is one stream of whole blocks: it takes one worker.
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
  const reports = await openReports(options, { table, at, notice, dumpDropped: () => 0 });
  if (debug !== undefined) channelList(table).forEach(debug);
  undo.move();
  return { at, source, services, table, listener, control: control.listener, reports };
}
