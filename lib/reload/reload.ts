/** Reads the files of the options again while balance runs, and applies all of it or nothing. */

import type { AdmissionControl } from "../admission/admission_control.ts";
import type { ServiceLookup } from "../address/services.ts";
import type { Endpoint } from "../base/endpoint.ts";
import { ExitError, messageOf, withName } from "../base/errors.ts";
import { printable } from "../base/printable.ts";
import { type ChannelSet, ChannelSetError } from "../channel_set/channel_set.ts";
import { changesText, type SetChanges } from "../channel_set/set_changes.ts";
import { mayExec, needsExec } from "../check/exec_permission.ts";
import type { Options } from "../cli/options.ts";
import { warningLines } from "../cli/warnings.ts";
import { locate } from "../config_file/place.ts";
import type { ReloadReply } from "../control/commands/command.ts";
import type { NamePlan, Names } from "../names/names.ts";
import type { Table } from "../table/table.ts";
import type { Messages } from "../system/messages.ts";
import type { ServingChange } from "../workers/protocol.ts";
import { servingChange } from "../workers/serving_options.ts";
import { type OptionChanges, optionChanges, optionsInForce } from "./option_changes.ts";
import { planChannels } from "./plan_channels.ts";

/** What a reload works on. */
export interface ReloadParts {
  /** Of the start. */
  readonly options: Options;
  /** Reads them again. Throws an `ExitError` if something is wrong. */
  readonly reread: () => Options;
  /** As of the start; `source`: the address of `-B`. */
  readonly setup: {
    readonly listen: Endpoint;
    readonly source: string | undefined;
    readonly plan: NamePlan;
  };
  readonly services: ServiceLookup;
  readonly table: Pick<Table, "setCommonSendProxy">;
  readonly channelSet: ChannelSet;
  readonly follower: Pick<Names, "plan" | "follow">;
  readonly health: { setOptions(options: Options["backends"]): void };
  readonly plane: { change(change: ServingChange): Promise<void> };
  /** Who may connect. */
  readonly admission: Pick<AdmissionControl, "configure">;
  /** Writes what operators have changed, if it differs from the file. */
  readonly state: { look(): void };
  /** The service manager. */
  readonly manager: { reloading(): Promise<void>; reloaded(failure?: string): Promise<void> };
  readonly messages: Pick<Messages, "notice" | "debug">;
  /** Whether a shutdown has started. */
  readonly isStopping: () => boolean;
}

/** Whether options name files that a reload reads again. */
export function canReload({ config, allow, deny, acceptProxy }: Options): boolean {
  return config !== undefined ||
    [allow, deny, acceptProxy].some((list) => list !== undefined && list.files.length > 0);
}

/** Reloads a running balance. */
export interface Reloader {
  /** The options that are in force. */
  readonly options: Options;
  /** Reloads, after all reloads that are in progress. Never rejects. */
  reload(): Promise<ReloadReply>;
}

/** A reload is not possible. The message is the reason. */
class ReloadError extends Error {
  override readonly name = "ReloadError";
}

/** They decide at which address balance listens. */
const ADDRESS_OPTIONS: readonly string[] = ["listen", "bind", "ipv6"];

/** Makes a {@link Reloader}, and follows the names of the start. */
export function openReloader(parts: ReloadParts): Reloader {
  const { channelSet, follower, manager, messages } = parts;
  let options = parts.options;
  let last: Promise<unknown> = Promise.resolve();

  function follow(plan: NamePlan): void {
    // What an operator has removed stays removed, whatever its name resolves to.
    follower.follow(plan, (wanted) => void channelSet.apply(wanted, "removed"));
  }

  follow(parts.setup.plan);

  async function run(): Promise<ReloadReply> {
    const isPossible = canReload(options) && !parts.isStopping();
    if (isPossible) await manager.reloading();
    try {
      const text = await reloadNow();
      await manager.reloaded();
      return { text };
    } catch (error) {
      const reason = reasonOf(error), text = `reload failed, nothing has changed: ${reason}`;
      messages.notice(withName(text));
      if (isPossible) await manager.reloaded(reason);
      return { text, failed: true };
    }
  }

  async function reloadNow(): Promise<string> {
    if (!canReload(options)) {
      throw new ReloadError("there is no file: balance was started without --config");
    }
    mustServe(parts);
    const next = parts.reread(), plan = await planOf(next, parts);
    mustServe(parts);
    const changes = applyChannels(plan, options, channelSet);
    follow(plan);
    const differences = optionChanges(options, next), warnings = new Set(warningLines(options));
    options = optionsInForce(options, next);
    parts.table.setCommonSendProxy(options.backends.sendProxy);
    parts.health.setOptions(options.backends);
    await parts.plane.change(servingChange(options, parts.setup.source));
    await parts.admission.configure(options);
    parts.state.look();
    const text = replyText(changes, differences);
    messages.notice(withName(text));
    for (const line of warningLines(next)) if (!warnings.has(line)) messages.notice(line);
    reportDetails(changes, messages.debug);
    return text;
  }

  return {
    get options() {
      return options;
    },
    reload() {
      const result = last.then(run);
      last = result;
      return result;
    },
  };
}

function mustServe({ isStopping }: ReloadParts): void {
  if (isStopping()) throw new ReloadError("balance is shutting down");
}

/** Checks and resolves the channels. Nothing has changed yet. */
async function planOf(next: Options, parts: ReloadParts): Promise<NamePlan> {
  const { setup, services, follower: names } = parts;
  if (needsExec(next.backends.check, next.channels) && !mayExec()) {
    throw new ReloadError("an exec check needs a start with one: balance gave up the permission");
  }
  try {
    return await planChannels(next, {
      ...{ ...setup, services, names },
      table: setup.plan.options,
    });
  } catch (error) {
    throw locate(error, next.places);
  }
}

function applyChannels(plan: NamePlan, options: Options, channelSet: ChannelSet): SetChanges {
  // A state file keeps what operators have removed; without a configuration file, so do we.
  const { statePath, config } = options;
  const missing = statePath === undefined && config !== undefined ? "back" : "removed";
  return channelSet.apply(plan.expanded.wanted, missing);
}

function reasonOf(error: unknown): string {
  const isExpected = error instanceof ExitError || error instanceof ReloadError ||
    error instanceof ChannelSetError;
  const [line = ""] = messageOf(error).split("\n"), start = withName("");
  const text = line.startsWith(start) ? line.slice(start.length) : line;
  return printable(isExpected ? text : `a bug in balance: ${text}`);
}

/** What a reload has changed, in one line. */
function replyText(changes: SetChanges, { applied, fixed }: OptionChanges): string {
  const parts = [
    ...[changesText(changes) ?? []].flat(),
    ...(applied.length === 0 ? [] : [`${applied.join(", ")} changed`]),
  ];
  const rest = fixed.length === 0 ? "" : ` (${fixedText(fixed)})`;
  return `reloaded: ${parts.length === 0 ? "nothing has changed" : parts.join("; ")}${rest}`;
}

function fixedText(fixed: readonly string[]): string {
  const verb = fixed.length === 1 ? "needs" : "need";
  // A takeover finds the running balance by its address.
  const isMoved = fixed.some((option) => ADDRESS_OPTIONS.includes(option));
  return `${fixed.join(", ")} ${verb} ${isMoved ? "" : "a takeover or "}a restart`;
}

function reportDetails(
  { added, removed, changed }: SetChanges,
  debug: ((line: string) => void) | undefined,
): void {
  const lines = Object.entries({ added, removed, changed });
  for (const [what, names] of lines) {
    for (const name of names) debug?.(`reload: ${what} ${printable(name)}`);
  }
}
