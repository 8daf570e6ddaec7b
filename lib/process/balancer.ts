/** The running balancer, from options to exit code: the same in foreground and background. */

import { delay } from "@std/async/delay";
import { resolveHost } from "../address/resolve_host.ts";
import { type ServiceLookup, systemServices } from "../address/services.ts";
import { ExitError } from "../base/errors.ts";
import { CheckCounters } from "../check/check_counters.ts";
import { limitExec, needsExec } from "../check/exec_permission.ts";
import type { Options } from "../cli/options.ts";
import { type ControlListener, type Former, listenControl } from "../control/control_listener.ts";
import { openDrains } from "../control/commands/drains.ts";
import { MAX_CLIENTS } from "../control/protocol.ts";
import { ControlServer } from "../control/server.ts";
import { type Health, openHealth } from "../health/health.ts";
import { checkCount } from "../health/initial_channels.ts";
import { isClassic } from "../dump/settings.ts";
import { binderOf } from "../engine/engines.ts";
import {
  type Budget,
  budgetSize,
  maxDumpFiles,
  newBudget,
  pipesPerWorker,
  probeDescriptors,
  type Share,
} from "../system/capacity.ts";
import type { Messages } from "../system/messages.ts";
import { refuseLibraries } from "../native/c_library.ts";
import { processLimits } from "../native/process.ts";
import { type LineHandle, LineMemory } from "../wait_line/line_memory.ts";
import { listenForSignals, SIGNAL_EXIT, type Signals } from "../system/signals.ts";
import { surviveBugs } from "../system/survive_bugs.ts";
import type { ChannelNames } from "../table/channel_names.ts";
import { openConnections } from "../table/counts.ts";
import { show } from "../table/show.ts";
import type { Table } from "../table/table.ts";
import type { DataPlane } from "../workers/data_plane.ts";
import { openLine, servingOptions } from "../workers/serving_options.ts";
import { type Entrance, startPlane } from "../workers/start_plane.ts";
import { buildTable, channelList } from "./build_table.ts";
import { type DumpSwitch, openDumpSwitch } from "./dump_on_off.ts";
import { openEntrance } from "./listen.ts";
import { drainingLine, listeningLine } from "./hints.ts";
import { openReports, type Reports } from "./reports.ts";
import { type PidFile, writePidFile } from "./pid_file.ts";
import { resolveSetup, type Setup } from "./resolve_setup.ts";
import { openServiceManager } from "./service_manager.ts";
import { type RunningProgram, runUntilStopped } from "./shutdown.ts";

/** Milliseconds that the start may still take after a signal that ends the program. */
const EARLY_END_MS = 500;

/**
 * Descriptors of a dump to one output: the old file and the new one while one replaces the other,
 * and a duplicate during a write, see capacity.ts.
 */
const DUMP_DESCRIPTORS = 3;

/** How many probes may run at a time if few channels are checked at the start. */
const DEFAULT_PROBES = 128;

/** The control socket at the start, for `-d`, by what was at its path. */
const STATES: Readonly<Record<Former, string>> = {
  "nothing": "new",
  "a stale socket": "taken over",
  "a balance that drains": "taken over from a balance that drains",
};

/** What is checked, resolved, bound and opened before anything is served. */
interface Prepared {
  readonly setup: Setup;
  readonly services: ServiceLookup;
  readonly table: Table;
  readonly names: ChannelNames;
  readonly entrance: Entrance;
  /** The wait line of `--wait`. */
  readonly line: LineHandle | undefined;
  readonly health: Health;
  readonly budget: Budget;
  /** Pipes of each worker, with the epoll engine. */
  readonly pipes: number | undefined;
  readonly control: ControlListener;
  readonly controlClients: Share;
  readonly reports: Reports;
  readonly dump: DumpSwitch;
  readonly pidFile: PidFile | undefined;
}

/**
 * Validates everything, resolves, binds, and serves.
 *
 * @returns `ended` resolves with the exit code when a signal or a command has ended the program.
 * @throws {ExitError} If it cannot start; everything is closed then.
 */
export async function startBalancer(
  options: Options,
  messages: Messages,
): Promise<{ ended: Promise<number> }> {
  limitExec(needsExec(options.backends.check, options.channels));
  surviveBugs(messages.notice);
  const signals = listenForSignals(options);
  const prepared = await Promise.race([prepare(options, messages), endedEarly(signals)])
    .catch((error) => {
      signals[Symbol.dispose]();
      throw error;
    });
  const { setup, table, names, services, health, reports, dump } = prepared;
  const plane = await serve(options, { messages, prepared });
  health.start((selection) => plane.close(selection));
  const line = prepared.line && new LineMemory(prepared.line), waiting = () => line?.length ?? 0;
  const manager = openServiceManager(table, waiting);
  const drains = openDrains(table, plane);
  const control = new ControlServer(prepared.control, {
    descriptors: prepared.controlClients,
    context: {
      table,
      engine: options.engine,
      names,
      services,
      resolve: (host) => resolveHost(host),
      connections: plane,
      drains,
      dump,
      health,
      lifecycle: {
        get stopping() {
          return program.stopping;
        },
        get open() {
          return program.open;
        },
        get graceLeftMs() {
          return program.graceLeftMs;
        },
        stop: () => program.stop(),
      },
      listener: setup.listen,
    },
  });
  const program: RunningProgram = runUntilStopped({
    plane,
    control,
    signals,
    graceS: options.graceS,
    open: () => openConnections(table) + waiting(),
    status: () => messages.notice(show(table).trimEnd()),
    reopen() {
      reports.reopen();
      dump.reopen();
    },
    async stopping() {
      reports.stopping();
      await manager.stopping();
    },
    draining: (signal) => {
      messages.hint?.(drainingLine(signal, { open: program.open, graceS: options.graceS }));
    },
  });
  dump.attach(plane, { outputClosed: () => program.outputClosed() });
  if (!options.debug) messages.hint?.(listeningLine(setup.listen, table));
  await Promise.race([health.firstRound(), program.ended]);
  if (!program.stopping) await manager.ready();
  return {
    ended: program.ended.then(async (code) => {
      manager.close();
      drains[Symbol.dispose]();
      await health.close();
      await dump.close();
      await reports.close();
      prepared.pidFile?.remove();
      return code;
    }),
  };
}

/**
 * Rejects {@link EARLY_END_MS} after a signal that arrives during the start. Usually the start is
 * complete by then and the program shuts down as usual; a slow resolver is not waited for.
 */
async function endedEarly(signals: Signals): Promise<never> {
  const signal = await signals.early;
  await delay(EARLY_END_MS);
  throw new ExitError("", SIGNAL_EXIT[signal]);
}

/** Starts to serve. If that fails, everything that was prepared is closed. */
async function serve(
  options: Options,
  { messages, prepared }: { messages: Messages; prepared: Prepared },
): Promise<DataPlane> {
  const { setup, table, entrance, line, budget, pipes, health, reports, dump, control } = prepared;
  const { listen: at, source } = setup, { workers } = table.size;
  try {
    const plane = await startPlane(entrance, {
      serving: servingOptions(options, { at, source, line, workers, pipes, budget: budget.total }),
      table,
      messages,
      reports,
      dump: dump.current,
      backendEvent: (event) => health.backendEvent(event),
    });
    // The workers have opened the C library by now.
    refuseLibraries();
    return plane;
  } catch (error) {
    control.close();
    await dump.close();
    await reports.close();
    prepared.pidFile?.remove();
    throw error;
  }
}

async function prepare(options: Options, messages: Messages): Promise<Prepared> {
  const { notice, debug } = messages, { engine } = options;
  const services = systemServices();
  // -p writes whole blocks straight to stdout, so only one worker may serve.
  const workers = options.dump && isClassic(options.dump) ? 1 : options.workers;
  using undo = new DisposableStack();
  const binder = binderOf(engine);
  let entrance: Entrance | undefined;
  const setup = await resolveSetup(options, {
    services,
    binder,
    async onListen(at) {
      debug?.(`using port ${at.port}`);
      const { bound } = entrance = await openEntrance(at, { engine, binder, workers });
      undo.defer(() => bound.close());
      debug?.(`bound to address ${at.address}`);
    },
  });
  const size = { groups: options.maxGroups, channels: options.maxChannels, workers };
  const { table, names } = buildTable(setup.groups, size);
  const checks = new CheckCounters(table), line = openLine(options.backends);
  let reports: Reports | undefined = undefined;
  const control = await listenControl(setup.listen, {
    notice,
    succeeded: () => void reports?.release(),
  });
  undo.defer(() => control.close());
  debug?.(`control socket ${control.path} is ${STATES[control.former]}`);
  const limits = processLimits(), shared = budgetSize(limits);
  const pipes = engine === "epoll" ? pipesPerWorker(limits, workers) : undefined;
  const probes = probeDescriptors(limits, checkCount(setup.groups, options.backends));
  const budget = newBudget(shared + probes);
  const minClients = Math.floor(shared / 4);
  const controlClients = budget.share("control clients", { min: minClients, max: MAX_CLIENTS });
  budget.share("the dump", { min: DUMP_DESCRIPTORS, max: DUMP_DESCRIPTORS });
  const health = openHealth({
    ...{ table, names, counters: checks, notice, groups: setup.groups, source: setup.source },
    options: options.backends,
    descriptors: budget.share("health checks", {
      min: Math.floor(shared / 8) + probes,
      max: Math.max(DEFAULT_PROBES, probes),
    }),
  });
  let dump: DumpSwitch | undefined;
  const dumpDropped = () => dump?.dropped() ?? 0;
  reports = await openReports(options, {
    table,
    setup,
    budget,
    notice,
    messagesDropped: messages.dropped,
    dumpDropped,
    checks,
    check: (group, channel) => health.check(group, channel),
    line,
  });
  let pidFile: PidFile | undefined;
  try {
    // Last, because they replace the files of the previous run.
    dump = await openDumpSwitch(options, {
      port: setup.listen.port,
      notice,
      maxFiles: () =>
        maxDumpFiles(limits, { workers, pipes, budget: budget.total }, openConnections(table)),
    });
    if (options.pidFile !== undefined) pidFile = writePidFile(options.pidFile);
  } catch (error) {
    await dump?.close();
    await reports.close();
    throw error;
  }
  if (debug !== undefined) channelList(table).forEach(debug);
  undo.move();
  const listening = { entrance: entrance!, line, health, budget, pipes, control, controlClients };
  return { setup, services, table, names, ...listening, reports, dump, pidFile };
}
