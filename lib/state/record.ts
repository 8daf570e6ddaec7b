/**
 * What an operator changed on a running balance, as a plain JSON record. Only what differs from the
 * command line and the configuration file is in it, so that their other changes apply at the next
 * start.
 */

import { parseIp } from "../address/ip.ts";
import { MAX_TABLE_SIZE } from "../base/limits.ts";
import { SEND_PROXY_NAMES, type SendProxy } from "../proxy_protocol/send_proxy.ts";
import {
  CHANNEL_STATES,
  type ChannelState,
  MAX_WEIGHT,
  SCHEDULE_NAMES,
  type ScheduleName,
} from "../table/states.ts";

import { type AdmissionChanges, readAdmission } from "./admission_record.ts";
import { integer, list, optional, record, string, word } from "./fields.ts";

/** Version of {@link OperatorState}. A reader refuses any other. */
export const STATE_VERSION = 1;

/** The administrative states that an operator can set. */
export type SetState = Exclude<ChannelState, "free">;

/** The address of a channel that an operator created or assigned. */
export interface StateAddress {
  /** As written. */
  readonly host: string;
  /** Numeric, as resolved last. */
  readonly address: string;
  readonly port: number;
}

/** What an operator changed on a channel. What is absent is as configured. */
export interface ChannelChange {
  readonly state?: SetState;
  readonly maxc?: number;
  /** From 0 to 256. */
  readonly weight?: number;
  /** A check as written; `default` for that of `--check`. */
  readonly check?: string;
  /** The address that `assign` gave it. */
  readonly assigned?: StateAddress;
}

/** A configured channel that an operator changed or removed. */
export interface ChangedChannel extends ChannelChange {
  /** Its identity in its group: see `WantedChannel`. */
  readonly key: string;
  readonly removed?: true;
}

/** A channel that an operator created. */
export interface CreatedChannel extends StateAddress {
  /** Its number when this was captured. */
  readonly channel: number;
  /** The key that it would have in the configuration. */
  readonly key: string;
  readonly state: SetState;
  readonly maxc: number;
  readonly weight: number;
  /** Its own check as written, if it has one. */
  readonly check?: string;
  readonly checkPort?: number;
  readonly sendProxy?: SendProxy;
}

/** What an operator changed in a group. */
export interface GroupState {
  readonly group: number;
  readonly schedule?: ScheduleName;
  readonly channels: readonly ChangedChannel[];
  /** In the order of their numbers. */
  readonly created: readonly CreatedChannel[];
}

/** All that an operator changed. */
export interface OperatorState {
  readonly version: typeof STATE_VERSION;
  /** Groups without a change are left out. */
  readonly groups: readonly GroupState[];
  /** Absent without a change. */
  readonly admission?: AdmissionChanges;
  /** What is in force but must not be saved, after `forget`. Only a successor gets it. */
  readonly forgotten?: readonly GroupState[];
  readonly forgottenAdmission?: AdmissionChanges;
}

/** Nothing was changed. */
export const NO_CHANGES: OperatorState = { version: STATE_VERSION, groups: [] };

/**
 * Checks that a value has the form of a record.
 *
 * @param value What JSON.parse() returned, from a file or from another process.
 * @throws {Error} With the reason, such as `version 2 is not known, only 1`.
 */
export function readState(value: unknown): OperatorState {
  const { version, groups, admission, forgotten, forgottenAdmission } = record(value, "the state");
  if (version !== STATE_VERSION) {
    throw new Error(`version ${JSON.stringify(version)} is not known, only ${STATE_VERSION}`);
  }
  return {
    version: STATE_VERSION,
    groups: list(groups, "groups").map(readGroup),
    ...optional("admission", admission, readAdmission),
    ...optional("forgottenAdmission", forgottenAdmission, readAdmission),
    ...optional("forgotten", forgotten, (all) => list(all, "forgotten").map(readGroup)),
  };
}

function readGroup(value: unknown): GroupState {
  const { group, schedule, channels, created } = record(value, "a group");
  return {
    group: integer(group, "group", 0, MAX_TABLE_SIZE),
    ...optional("schedule", schedule, (text) => word(text, "schedule", SCHEDULE_NAMES)),
    channels: list(channels, "channels").map(readChanged),
    created: list(created, "created").map(readCreated),
  };
}

function readChanged(value: unknown): ChangedChannel {
  const { key, removed, state, maxc, weight, check, assigned } = record(value, "a channel");
  return {
    key: string(key, "key"),
    ...(removed === true ? { removed } : {}),
    ...optional("state", state, readSetState),
    ...optional("maxc", maxc, readMaxc),
    ...optional("weight", weight, readWeight),
    ...optional("check", check, (text) => string(text, "check")),
    ...optional("assigned", assigned, (to) => readAddress(record(to, "assigned"))),
  };
}

function readCreated(value: unknown): CreatedChannel {
  const fields = record(value, "a created channel");
  const { channel, key, state, maxc, weight, check, checkPort, sendProxy } = fields;
  return {
    channel: integer(channel, "channel", 0, MAX_TABLE_SIZE),
    key: string(key, "key"),
    ...readAddress(fields),
    state: readSetState(state),
    maxc: readMaxc(maxc),
    weight: readWeight(weight),
    ...optional("check", check, (text) => string(text, "check")),
    ...optional("checkPort", checkPort, (port) => integer(port, "checkPort", 1, 65535)),
    ...optional("sendProxy", sendProxy, (one) => word(one, "sendProxy", SEND_PROXY_NAMES)),
  };
}

function readAddress({ host, address, port }: Readonly<Record<string, unknown>>): StateAddress {
  const numeric = string(address, "address");
  if (parseIp(numeric) === undefined) throw new Error(`address [${numeric}] is not an IP address`);
  return { host: string(host, "host"), address: numeric, port: integer(port, "port", 0, 65535) };
}

const SET_STATES = CHANNEL_STATES.filter((state) => state !== "free");

function readSetState(value: unknown): SetState {
  return word(value, "state", SET_STATES);
}

function readMaxc(value: unknown): number {
  return integer(value, "maxc", -(2 ** 31), 2 ** 31 - 1);
}

function readWeight(value: unknown): number {
  return integer(value, "weight", 0, MAX_WEIGHT);
}
