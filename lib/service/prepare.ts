/** Everything that a start validates, resolves, binds and opens before it serves. */

import { AdmissionControl } from "../admission/admission_control.ts";
import { resolveHost } from "../address/resolve_host.ts";
import { type ServiceLookup, systemServices } from "../address/services.ts";
import { CheckCounters } from "../check/check_counters.ts";
import type { Options } from "../cli/options.ts";
import type { Former } from "../control/control_binding.ts";
import { type ControlListener, listenControl } from "../control/control_listener.ts";
import { MAX_CLIENTS } from "../control/protocol.ts";
import { type ChannelSet, openChannelSet } from "../channel_set/channel_set.ts";
import { type Health, openHealth } from "../health/health.ts";
import { checkCount } from "../health/initial_channels.ts";
import type { WantedGroup } from "../channel_set/wanted.ts";
import { type Names, openNames } from "../names/names.ts";
import { isClassic } from "../dump/settings.ts";
import { binderOf } from "../engine/engines.ts";
import {
  type Budget,
  budgetSize,
  maxDumpFiles,
  nameDescriptors,
  newBudget,
  pipesPerWorker,
  probeDescriptors,
  type Share,
} from "../system/capacity.ts";
import type { Messages } from "../system/messages.ts";
import { processLimits } from "../native/process.ts";
import { type LineHandle } from "../wait_line/line_memory.ts";
import { ChannelNames } from "../table/channel_names.ts";
import { openConnections } from "../table/counts.ts";
import { type ChannelPlace, newTable, type Table } from "../table/table.ts";
import { openLine } from "../workers/serving_options.ts";
import type { Handover } from "../takeover/handover.ts";
import type { Predecessor } from "../takeover/predecessor.ts";
import { type Entrance } from "../workers/start_plane.ts";
import { channelList } from "./hints.ts";
import { type DumpSwitch, openDumpSwitch } from "./dump_on_off.ts";
import { carryHealth, findPredecessor, Joining } from "./joining.ts";
import { takeoverHint } from "./in_use.ts";
import { openEntrance } from "./listen.ts";
import { openOperatorState, type OperatorStateControl } from "./operator_state.ts";
import { openReports, type Reports } from "./reports.ts";
import { checkPidFile, type PidFile, writePidFile } from "./pid_file.ts";
import { resolveSetup, type Setup } from "./resolve_setup.ts";

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
  "a predecessor": "taken over as soon as this program serves",
};

/** What is checked, resolved, bound and opened before anything is served. */
export interface Prepared {
  readonly setup: Setup;
  readonly services: ServiceLookup;
  readonly table: Table;
  readonly names: ChannelNames;
  readonly channelSet: ChannelSet;
  /** Follows the names of channels, from the start on. */
  readonly follower: Names;
  /** Where clients connect; `undefined` with a predecessor. */
  readonly entrance: Entrance | undefined;
  /** The takeover of a predecessor. */
  readonly joining: Joining | undefined;
  /** Who may connect. */
  readonly admission: AdmissionControl;
  /** The wait line of `--wait`. */
  readonly line: LineHandle | undefined;
  readonly health: Health;
  readonly state: OperatorStateControl;
  readonly budget: Budget;
  /** Pipes of each worker, with the epoll engine. */
  readonly pipes: number | undefined;
  readonly control: ControlListener;
  readonly controlClients: Share;
  readonly reports: Reports;
  readonly dump: DumpSwitch;
  readonly pidFile: PidFile | undefined;
  /** Set by the running program: whether a successor takes over. */
  readonly succession: { handover?: Handover };
}

/**
 * Validates, resolves, binds and opens everything, in the order in which 3.35 reported errors.
 *
 * @throws {ExitError} If something fails; everything is closed then.
 */
export async function prepare(options: Options, messages: Messages): Promise<Prepared> {
  const { notice, debug } = messages, { engine, freebind: free } = options;
  const services = systemServices(), binder = binderOf(engine);
  // -p writes whole blocks straight to stdout, so only one worker may serve.
  const workers = options.dump && isClassic(options.dump) ? 1 : options.workers;
  using undo = new DisposableStack();
  const by = { engine, binder, workers, free }, succession: Prepared["succession"] = {};
  let entrance: Entrance | undefined, predecessor: Predecessor | undefined;
  const follower = openNames({ notice });
  undo.defer(() => follower.close());
  const setup = await resolveSetup(options, {
    services,
    binder,
    names: follower,
    async onListen(at) {
      debug?.(`using port ${at.port}`);
      if (options.takeover) predecessor = await findPredecessor(at, messages.starting ?? notice);
      if (predecessor !== undefined) return void undo.use(predecessor);
      const { bound } = entrance = await openEntrance(
        at,
        by,
        options.takeover ? takeoverHint : undefined,
      );
      undo.defer(() => bound?.close());
      debug?.(`bound to address ${at.address}`);
    },
  });
  const { wanted } = setup.plan.expanded;
  const { table, names, channelSet } = openTable(options, workers, wanted);
  const checks = new CheckCounters(table), line = openLine(options.backends);
  const admission = openAdmission(options, workers);
  let reports: Reports | undefined = undefined;
  const control = await openControl(setup, messages, {
    predecessor,
    succeeded() {
      if (!succession.handover?.isCommitted) void reports?.release();
    },
  });
  undo.defer(() => control.close());
  const limits = processLimits(), shared = budgetSize(limits);
  const pipes = engine === "epoll" ? pipesPerWorker(limits, workers) : undefined;
  const probes = probeDescriptors(limits, checkCount(wanted, options.backends));
  const named = options.resolveS === 0 ? 0 : nameDescriptors(limits, setup.plan.hosts.size);
  const budget = newBudget(shared + probes + named);
  const minClients = Math.floor(shared / 4);
  const controlClients = budget.share("control clients", { min: minClients, max: MAX_CLIENTS });
  budget.share("the dump", { min: DUMP_DESCRIPTORS, max: DUMP_DESCRIPTORS });
  budget.share("names", { min: named, max: named });
  const follow = { channelSet, follower }, carried = { table, channelSet };
  const down = carryHealth(carried, predecessor);
  const health = openHealth({
    ...{ table, names, counters: checks, notice, groups: wanted, source: setup.source },
    unreachable: (group, channel) => connectFailed(follow, { group, channel }),
    options: options.backends,
    descriptors: budget.share("health checks", {
      min: Math.floor(shared / 8) + probes,
      max: Math.max(DEFAULT_PROBES, probes),
    }),
  });
  down.resume(health);
  const state = await openOperatorState({
    isCarried: predecessor !== undefined,
    ...{ path: options.statePath, at: setup.listen, table, names, channelSet, health, admission },
    ...{ notice, resolve: (host: string) => resolveHost(host) },
  });
  const outputs = await openOutputs(options, messages, {
    ...{ table, setup, budget, checks, line, health, state, predecessor },
    maxFiles: () =>
      maxDumpFiles(limits, { workers, pipes, budget: budget.total }, openConnections(table)),
  });
  reports = outputs.reports;
  if (debug !== undefined) channelList(table).forEach(debug);
  undo.move();
  const joining = predecessor && new Joining({
    ...{ predecessor, at: setup.listen, metrics: setup.metrics, by, ...carried, health, state },
  });
  const listening = { entrance, joining, succession, line, admission, control, controlClients };
  const channels = { table, names, state, health, budget, pipes, ...follow };
  return { setup, services, ...channels, ...listening, ...outputs };
}

async function openControl(
  { listen }: Setup,
  { notice, debug }: Messages,
  { predecessor, succeeded }: { predecessor: Predecessor | undefined; succeeded: () => void },
): Promise<ControlListener> {
  const options = { notice, succeeded, predecessor: predecessor?.pid };
  const control = await listenControl(listen, options);
  debug?.(`control socket ${control.path} is ${STATES[control.former]}`);
  return control;
}

/** Opens log, metrics and dump, and writes the files that name this process. */
async function openOutputs(
  options: Options,
  { notice, dropped: messagesDropped }: Messages,
  { state, predecessor, maxFiles, health, ...source }:
    & Pick<Prepared, "table" | "setup" | "budget" | "line" | "health" | "state">
    & { checks: CheckCounters; predecessor: Predecessor | undefined; maxFiles: () => number },
): Promise<Pick<Prepared, "reports" | "dump" | "pidFile">> {
  let dump: DumpSwitch | undefined, pidFile: PidFile | undefined;
  const reports = await openReports(options, {
    ...source,
    ...{
      notice,
      messagesDropped,
      joins: predecessor?.servesMetrics(source.setup.metrics) ?? false,
    },
    dumpDropped: () => dump?.dropped() ?? 0,
    check: (group, channel) => health.check(group, channel),
  });
  try {
    // Last, because they replace the files of the previous run.
    dump = await openDumpSwitch(options, {
      port: source.setup.listen.port,
      notice,
      maxFiles,
    });
    if (predecessor === undefined) await state.begin();
    if (options.pidFile !== undefined) {
      if (predecessor === undefined) pidFile = writePidFile(options.pidFile);
      else checkPidFile(options.pidFile);
    }
    return { reports, dump, pidFile };
  } catch (error) {
    await dump?.close();
    await reports.close();
    throw error;
  }
}

/** Who may connect. Each connection needs two descriptors. */
function openAdmission(options: Options, workers: number): AdmissionControl {
  const connections = Math.ceil((processLimits().descriptors ?? Infinity) / 2);
  return new AdmissionControl(options, { workers, connections });
}

/** The table with the channels of the start. */
function openTable(
  { maxGroups: groups, maxChannels: channels, backends: { sendProxy } }: Options,
  workers: number,
  wanted: readonly WantedGroup[],
): Pick<Prepared, "table" | "names" | "channelSet"> {
  const table = newTable({ groups, channels, workers }), names = new ChannelNames(table);
  table.setCommonSendProxy(sendProxy);
  return { table, names, channelSet: openChannelSet({ table, names }, wanted) };
}

/** A connect to a channel failed: the address of its name may have changed. */
export function connectFailed(
  { channelSet, follower }: Pick<Prepared, "channelSet" | "follower">,
  { group, channel }: ChannelPlace,
): void {
  const key = channelSet.keyOf(group, channel);
  if (key !== undefined) follower.connectFailed(group, key);
}
