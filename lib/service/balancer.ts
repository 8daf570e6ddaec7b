/** The running balancer, from options to exit code: the same in foreground and background. */

import { delay } from "@std/async/delay";
import { resolveHost } from "../address/resolve_host.ts";
import { ExitError } from "../base/errors.ts";
import { limitExec, needsExec } from "../check/exec_permission.ts";
import type { Options } from "../cli/options.ts";
import { locate } from "../config_file/place.ts";
import type { ControlContext, Lifecycle } from "../control/commands/command.ts";
import { openDrains } from "../control/commands/drains.ts";
import { listOfPort } from "../control/list.ts";
import { ControlServer } from "../control/server.ts";
import type { Messages } from "../system/messages.ts";
import { refuseLibraries } from "../native/c_library.ts";
import { LineMemory } from "../wait_line/line_memory.ts";
import { listenForSignals, SIGNAL_EXIT, type Signals } from "../system/signals.ts";
import { surviveBugs } from "../system/survive_bugs.ts";
import { ChangeGate } from "../state/change_gate.ts";
import { openConnections } from "../table/counts.ts";
import { show } from "../table/show.ts";
import type { Handover } from "../takeover/handover.ts";
import type { DataPlane } from "../workers/data_plane.ts";
import { servingOptions } from "../workers/serving_options.ts";
import { type Entrance, startPlane } from "../workers/start_plane.ts";
import { openLeaving } from "./leaving.ts";
import { canReload, openReloader } from "../reload/reload.ts";
import { drainingLine, listeningLine } from "./hints.ts";
import { connectFailed, prepare, type Prepared } from "./prepare.ts";
import { openServiceManager } from "./service_manager.ts";
import { type RunningProgram, runUntilStopped } from "./shutdown.ts";

/** Milliseconds that the start may still take after a signal that ends the program. */
const EARLY_END_MS = 500;

/**
 * Validates everything, resolves, binds, and serves.
 *
 * @param reread Reads the options again, for a reload. Throws an `ExitError` if one is wrong.
 * @returns `ended` resolves with the exit code when a signal or a command has ended the program.
 * @throws {ExitError} If it cannot start; everything is closed then.
 */
export async function startBalancer(
  options: Options,
  messages: Messages,
  reread: () => Options,
): Promise<{ ended: Promise<number> }> {
  limitExec(needsExec(options.backends.check, options.channels));
  surviveBugs(messages.notice);
  const signals = listenForSignals(options);
  const prepared = await Promise.race([prepare(options, messages), endedEarly(signals)])
    .catch((error) => {
      signals[Symbol.dispose]();
      throw locate(error, options.places);
    });
  const { setup, table, health, reports, dump, joining } = prepared;
  const plane = await serve(options, { messages, prepared, signals });
  const line = prepared.line && new LineMemory(prepared.line), waiting = () => line?.length ?? 0;
  const manager = openServiceManager(table, waiting);
  const drains = openDrains(table, plane), { channelSet, state } = prepared;
  let { pidFile } = prepared;
  const gate = new ChangeGate();
  channelSet.attach({ health, drains, state });
  const reloader = openReloader({
    ...prepared,
    ...{ options, reread, plane, manager, messages, isStopping: () => program.stopping },
  });
  const handover = prepared.succession.handover = openLeaving(reloader, {
    ...{ prepared, plane, manager, gate, notice: messages.notice },
    program: () => program,
    pidFile: () => pidFile,
  });
  const reopen = () => {
    reports.reopen();
    dump.reopen();
  };
  const control = openControl(prepared, {
    ...{ engine: options.engine, connections: plane, drains, gate, handover },
    reload: () => reloader.reload(),
    lifecycle: lifecycleOf(() => program),
  });
  const program: RunningProgram = runUntilStopped({
    plane,
    control,
    signals,
    graceS: () => reloader.options.graceS,
    open: () => openConnections(table) + waiting(),
    status: () => messages.notice(show(table).trimEnd()),
    reopen,
    reload() {
      reopen();
      if (canReload(options)) void reloader.reload();
    },
    async stopping() {
      reports.stopping();
      prepared.follower.close();
      await joining?.stopping();
      await manager.stopping();
    },
    draining: (signal) => {
      const { graceS } = reloader.options;
      messages.hint?.(drainingLine(signal, { open: program.open, graceS }));
    },
  });
  dump.attach(plane, { outputClosed: () => program.outputClosed() });
  if (!options.debug) messages.hint?.(listeningLine(setup.listen, table));
  const ended = program.ended.then(async (code) => {
    for (const one of [channelSet, drains]) one[Symbol.dispose]();
    manager.close();
    await closeAll(prepared);
    pidFile?.remove();
    return code;
  });
  const serving = joining?.serving(prepared.control, options, messages.notice);
  const outcome = await Promise.race([serving, program.ended.then(() => undefined)]);
  if (outcome === "late") {
    // Open connections may end.
    await program.retire(() => Promise.resolve());
    await ended;
    throw joining?.late();
  }
  pidFile = outcome ?? pidFile;
  await Promise.race([health.firstRound(), program.ended]);
  if (!program.stopping) await manager.ready();
  return { ended };
}

async function closeAll(
  { follower, state, health, dump, reports }: Pick<
    Prepared,
    "follower" | "state" | "health" | "dump" | "reports"
  >,
): Promise<void> {
  follower.close();
  await state.close();
  await health.close();
  await dump.close();
  await reports.close();
}

/** Starts to answer control clients. */
function openControl(
  prepared: Prepared,
  { handover, ...running }:
    & Pick<ControlContext, "engine" | "connections" | "drains" | "gate" | "reload" | "lifecycle">
    & { readonly handover: Handover },
): ControlServer {
  const { setup: { listen }, table, names, services, dump, health, state, admission } = prepared;
  return new ControlServer(prepared.control, {
    handover,
    descriptors: prepared.controlClients,
    context: {
      ...running,
      ...{ table, names, services, dump, health, state, admission },
      resolve: (host) => resolveHost(host),
      instances: () => listOfPort(listen.port),
      listener: listen,
    },
  });
}

/** The lifecycle of a program that does not run yet. */
function lifecycleOf(program: () => Lifecycle): Lifecycle {
  return {
    get stopping() {
      return program().stopping;
    },
    get open() {
      return program().open;
    },
    get graceLeftMs() {
      return program().graceLeftMs;
    },
    stop: () => program().stop(),
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

/** Rejects at once after such a signal: the predecessor continues. */
async function interrupted(signals: Signals): Promise<never> {
  throw new ExitError("", SIGNAL_EXIT[await signals.early]);
}

/** Starts to serve. If that fails, everything that was prepared is closed. */
async function serve(
  options: Options,
  { messages, prepared, signals }: { messages: Messages; prepared: Prepared; signals: Signals },
): Promise<DataPlane> {
  const { setup, table, joining, line, admission, budget, pipes, health, reports, dump, control } =
    prepared;
  const { listen: at, source } = setup, { workers } = table.size;
  const serving = {
    ...{ at, source, line, workers, pipes, budget: budget.total },
    admission: admission.setup,
  };
  const started = Promise.withResolvers<DataPlane>();
  const checkAll = () =>
    health.start(async (selection) => (await started.promise).close(selection));

  async function enter(): Promise<Entrance> {
    if (joining === undefined) return prepared.entrance!;
    // The predecessor serves meanwhile.
    checkAll();
    await health.firstRound();
    return await joining.open();
  }
  try {
    const starting = startPlane(enter, {
      serving: servingOptions(options, serving),
      admission: () => admission.setup,
      table,
      messages,
      reports,
      dump: dump.current,
      backendEvent(event) {
        if (event.kind !== "unreachable") return health.backendEvent(event);
        const { group, channel, generation } = event;
        // Since then, the channel may have got another number.
        if (table.generation(group, channel) === generation) connectFailed(prepared, event);
      },
    });
    const plane = await (joining ? Promise.race([starting, interrupted(signals)]) : starting);
    // The workers have opened the C library by now.
    refuseLibraries();
    if (joining === undefined) checkAll();
    await joining?.commit();
    admission.attach(plane);
    started.resolve(plane);
    return plane;
  } catch (error) {
    control.close();
    await dump.close();
    await reports.close();
    prepared.pidFile?.remove();
    throw error;
  }
}
