/**
 * The records of 3.35 that balance deviates from on purpose: which fields differ, their values
 * here, and why. The golden tests assert these values instead of the recorded ones.
 * `deviations_test.ts` proves that no entry is stale. The records of control, show and background
 * are in `control_deviations.ts`.
 *
 * @module
 */

import type { EngineName } from "../../lib/engine/names.ts";
import { ENGINE } from "../helpers/program/program.ts";
import { cli, HOST_ERRORS, USAGE_ERRORS } from "./cli_deviations.ts";

/** A record that is not reproduced. */
export interface Deviation {
  /** File of the record, without its extension. */
  readonly file: string;
  /** Its `name`, in channel_spec its `spec`. */
  readonly name: string;
  /** Number in the list of deviations in balance(1), COMPATIBILITY. */
  readonly number: number;
  readonly reason: string;
  /** The engine that deviates, if not all do. */
  readonly engine?: EngineName;
  /** The fields that differ, with their values here. */
  readonly designed: Readonly<Record<string, unknown>>;
}

const NO_PORT = "neither the name of a TCP service nor a number from 0 to 65535";
const portOf = (value: string, spec: string, reason = NO_PORT): string =>
  `invalid port [${value}] in channel [${spec}]: ${reason}, exiting.\n`;
const maxcOf = (value: string, spec: string): string =>
  `invalid maxc [${value}] in channel [${spec}]: ` +
  "not a number from -2147483648 to 2147483647, exiting.\n";

/** Exits with a usage error that names the value. */
const refused = (stderr: string): Deviation["designed"] => ({
  stderr,
  exit_code: 64,
  keeps_running: false,
});
const STARTS = { stderr: "", exit_code: null, keeps_running: true } as const;

const CHECKED = [11, "numbers are checked, and errors name the value"] as const;
const COUNTED = [12, "16 groups of 16 channels can be given, separators do not count"] as const;

/** Why the message about an address that cannot be bound is longer, and its reasons. */
export const BIND_REASON = "the message names address, port and reason";
export const IN_USE = "address already in use";
export const notLocal = (address: string): string =>
  `cannot assign requested address: ${address} is not an address of this host`;

const bind = (name: string, address: string, reason: string): Deviation =>
  cli(name, [32, BIND_REASON], {
    stderr: `balance: can't bind local address ${address}: ${reason}\n`,
  });

const CLI: readonly Deviation[] = [
  bind("address_in_use", "0.0.0.0:21777", IN_USE),
  bind("address_in_use_b", "127.0.0.1:21777", IN_USE),
  bind("b_not_local", "203.0.113.7:21001", notLocal("203.0.113.7")),
  ...USAGE_ERRORS,
  cli("bad_long_option", [28, "--help is an option"], {
    stdout: "<USAGE>",
    stderr: "",
    exit_code: 0,
  }),
  cli("option_6", [27, "-6 listens on IPv6 and IPv4"], {
    argv: ["-f", "-6", "21001", "127.0.0.1:21901"],
    ...STARTS,
  }),
  cli("ipv6_host_bracket", [27, "backends may have IPv6 addresses"], STARTS),
  ...[
    ["port_trailing_text", "21001abc"],
    ["port_65536", "65536"],
    ["port_86537", "86537"],
    ["port_negative", "-5"],
  ].map(([name = "", value]) => cli(name, CHECKED, refused(`invalid port [${value}], exiting.\n`))),
  ...[
    ["-f 65536", "65536"],
    ["-f 86000", "86000"],
    ["-f -- -5", "-5"],
    ["-f 20464abc", "20464abc"],
  ].map(([argv, value]) =>
    cli(`listens_on: ${argv} 127.0.0.1:21901`, CHECKED, {
      ...refused(`invalid port [${value}], exiting.\n`),
      listening_on: null,
    })
  ),
  cli(
    "bang_glued",
    CHECKED,
    refused(
      portOf("21901!", "127.0.0.1:21901!", "the separators ! and % must be separate arguments"),
    ),
  ),
  cli("channels_16", COUNTED, STARTS),
  cli("args_16_with_separators", COUNTED, STARTS),
  cli("groups_9", COUNTED, STARTS),
  cli("B_unknown", [10, "-B is resolved at start, so no connection fails because of it later"], {
    stderr: "unknown or invalid address [no..such]\n",
    exit_code: 65,
    keeps_running: false,
  }),
];

const CHECKED_SPECS: readonly Deviation[] = [
  ...["nosuch", "80abc", "SMTP", "-1", "65536", "70000"].map((value) => {
    const spec = `127.0.0.1:${value}`;
    const meant = value === "SMTP" ? " (did you mean smtp?)" : "";
    return { name: spec, stderr: portOf(value, spec, NO_PORT + meant) };
  }),
  ...["abc", "5abc", "99999999999", "2147483648"].map((value) => {
    const spec = `127.0.0.1:80:${value}`;
    return { name: spec, stderr: maxcOf(value, spec) };
  }),
].map(({ name, stderr }) => ({
  file: "channel_spec",
  name,
  number: CHECKED[0],
  reason: CHECKED[1],
  designed: { show_row: null, exit_code: 64, stderr },
}));

const CHANNEL_SPEC: readonly Deviation[] = [...HOST_ERRORS, ...CHECKED_SPECS];

const base64 = (text: string): string => btoa(text);

const PACKETDUMP_SESSIONS: readonly Deviation[] = [
  {
    file: "packetdump_sessions",
    name: "client_half_close",
    number: 8,
    reason: "half-close is passed on: the client gets the answer, and it is in the dump",
    designed: {
      events: [["->", 8], ["->", 0], ["-<", 8], ["-<", 0]],
      stdout_base64: base64("-> 8\nrequest\\0A\n\n-> 0\n\n-< 8\nanswer\\0D\\0A\n\n-< 0\n\n"),
      client_saw: "EOF after 8 bytes",
      rcvd: 8,
    },
  },
];

const close = (
  name: string,
  number: Deviation["number"],
  { reason, designed }: Pick<Deviation, "reason" | "designed">,
): Deviation => ({ file: "close", name, number, reason, designed });

/** The message of an idle timeout. */
const timedOut = (name: string, seconds = 1): Deviation =>
  close(name, 40, {
    reason: "the message names the client and the channel",
    designed: {
      stderr: `connection from <CLIENT> to channel 0.0 timed out after ${seconds} seconds\n`,
    },
  });

const CLOSE: readonly Deviation[] = [
  timedOut("T1_idle_from_start"),
  timedOut("T1_activity_restarts_timer"),
  timedOut("T1_server_activity_restarts_timer"),
  timedOut("T2_message", 2),
  close("client_half_close_backend_silent", 8, {
    reason: "the client waits for an answer until the backend ends",
    designed: { client_saw: { end: "EOF", bytes: 0, data: "", while_backend_silent: "open" } },
  }),
  close("client_half_close_backend_answers_late", 8, {
    reason: "the client gets the answer",
    designed: {
      client_saw: { end: "EOF", bytes: 6, data: "answer" },
      rcvd: 6,
    },
  }),
  close("server_half_close", 8, {
    reason: "the backend still receives what the client sends",
    designed: {
      client_saw: { end: "EOF", bytes: 0, data: "", later_send: "arrives" },
      backend_saw: { end: "EOF", bytes: 5, data: "later" },
      sent: 5,
    },
  }),
  close("server_closes_first", 8, {
    reason: "the end of input does not end output: a closed backend is noticed only when bytes " +
      "are sent to it, so the first bytes are counted",
    designed: {
      client_saw: { end: "EOF", bytes: 3, data: "bye", later_send: "fails in the end" },
      sent: "some",
    },
  }),
  close("connection_process_killed", 5, {
    reason: "no connection has a process that could be killed",
    designed: { children_before: 0, c_after: 0, next_connection: "B0" },
  }),
  close("B_not_local", 10, {
    reason: "-B is tested at start, so no connection uses another source address",
    designed: {
      client_saw: null,
      backend_saw: null,
      exit_code: 69,
      stderr: "balance: can't bind outgoing address [203.0.113.9]: not an address of this host\n",
    },
  }),
  close("B_unresolvable", 10, {
    reason: "-B is resolved at start, so no connection fails because of it later",
    designed: { client_saw: null, exit_code: 65, c_after: null, totalc: null },
  }),
  close("backend_leaves_in_mid_upload_sigpipe", 5, {
    reason: "whatever happens, the counter returns to zero and the dump is complete",
    designed: {
      c_after: 0,
      dump_ends_with_final_record: "the backend's end is in it",
      next_client_sees: "connected (this backend sends nothing first)",
    },
  }),
  close("slow_reader_stalls_other_direction", 9, {
    reason: "the directions are independent",
    designed: { client_bytes_that_reached_backend: 20 },
  }),
];

const balancing = (
  name: string,
  number: Deviation["number"],
  { reason, designed }: Pick<Deviation, "reason" | "designed">,
): Deviation => ({ file: "balancing", name, number, reason, designed });

/** Rows of `channels_after`. */
const row = (
  [g, type, ch]: readonly [number, "RR" | "Hash", number],
  [st, c, totalc, maxc = 0]: readonly [string, number, number, number?],
): unknown => ({ g, type, ch, st, c, totalc, maxc });

const ONE_RULE = "state and limit are checked everywhere, also on failover to a later group";
const TRIES = "each channel is tried at most once, so the search ends";
const deadHashGroups = [
  row([0, "Hash", 0], ["ENA", 0, 1]),
  row([0, "Hash", 1], ["ENA", 0, 1]),
  row([0, "Hash", 2], ["ENA", 0, 1]),
  row([1, "Hash", 0], ["ENA", 0, 1]),
  row([1, "Hash", 1], ["ENA", 0, 1]),
];

const BALANCING: readonly Deviation[] = [
  balancing("failover_enters_group1_on_disabled_channel", 1, {
    reason: ONE_RULE,
    designed: {
      chosen: ["B1", "B1", "B1", "B1"],
      channels_after: [
        row([0, "RR", 0], ["ENA", 0, 4]),
        row([1, "RR", 0], ["dis", 0, 0]),
        row([1, "RR", 1], ["ENA", 0, 4]),
      ],
    },
  }),
  balancing("par_maxc_dead_spill_ignores_maxc", 1, {
    reason: ONE_RULE,
    designed: {
      chosen: ["B0", "B1", "EOF", "EOF", "EOF"],
      channels_after: [
        row([0, "RR", 0], ["ENA", 0, 5]),
        row([1, "RR", 0], ["ENA", 1, 1, 1]),
        row([1, "RR", 1], ["ENA", 1, 1, 1]),
      ],
      // The group was full, which resets its cursor.
      after_all_closed_next_sequential: ["B0", "B1", "B0", "B1"],
    },
  }),
  balancing("rr_three_groups_middle_all_disabled", 1, {
    reason: ONE_RULE,
    designed: {
      chosen: ["B0", "B1", "B0", "B1"],
      channels_after: [
        row([0, "RR", 0], ["ENA", 0, 4]),
        row([1, "RR", 0], ["dis", 0, 0]),
        row([2, "RR", 0], ["ENA", 0, 2]),
        row([2, "RR", 1], ["ENA", 0, 2]),
      ],
    },
  }),
  balancing("H_all_dead_3_then_hash_2_dead_c1", 2, {
    reason: TRIES,
    designed: { client_saw: "EOF", channels_after: deadHashGroups },
  }),
  balancing("H_all_dead_3_then_hash_2_dead_c2", 2, {
    reason: TRIES,
    designed: { channels_after: deadHashGroups },
  }),
  balancing("H_all_dead_3_then_hash_2_dead_c3", 2, {
    reason: TRIES,
    designed: { channels_after: deadHashGroups },
  }),
  balancing("aH_endless_loop_holding_lock", 2, {
    reason: TRIES,
    designed: {
      first_client_127_0_0_1_saw: "EOF",
      second_client_127_0_0_2_saw: "EOF",
      maxc_command_hangs: false,
      // Two lines for each of the five channels.
      stderr_lines: 10,
    },
  }),
  balancing("hash_type_on_empty_group_master_crash", 3, {
    reason: "empty groups are skipped",
    designed: { master_returncode: null },
  }),
  balancing("cursor_race_rapid_12_connections_2_channels", 6, {
    reason: "the cursor advances only at selection and after a failover",
    designed: { runs: [[6, 6], [6, 6], [6, 6], [6, 6], [6, 6], [6, 6]] },
  }),
];

/** Order of the first lines of `-d`. */
const START_ORDER = {
  start_order: ["listen_port", "bind_address", "rendezvous_file"],
};
const SOCKET_AFTER_BIND = "the control socket is opened after the port is bound, so a second " +
  "balance never takes over the socket of the first";

const DEBUG: readonly Deviation[] = [
  ...["debug_second_start", "debug_hash_signed_print", "debug_hash_disabled_H", "debug_all_dead"]
    .map((name) => ({
      file: "debug",
      name,
      number: 16,
      reason: SOCKET_AFTER_BIND,
      designed: START_ORDER,
    })),
  ...["debug_rr_failover", "debug_hash", "debug_hash_disabled", "debug_hash_all_disabled_H"]
    .map((name) => ({
      file: "debug",
      name,
      number: 25,
      reason: `the lines about the start are printed once; ${SOCKET_AFTER_BIND}`,
      designed: { ...START_ORDER, stdout_lines: 2 },
    })),
];

const RESET = "a reset of one side is passed on as a reset";
const wasReset = (bytes: number, data: string) => ({ end: "RST", bytes, data, seconds: 0.1 });
const RESETS: readonly Deviation[] = ([
  ["close", "client_rst", { backend_saw: wasReset(0, "") }],
  ["close", "server_rst", { client_saw: wasReset(0, "") }],
  ["close", "server_closes_with_unread_input", { client_saw: wasReset(10, "xxxxxxxxxx") }],
  ["packetdump_sessions", "server_rst", { client_saw: "RST after 3 bytes" }],
] as const).map(([file, name, designed]) => (
  { file, name, number: 54, reason: RESET, engine: "epoll", designed }
));

/** All of them. */
export const DEVIATIONS: readonly Deviation[] = [
  ...CLI,
  ...CHANNEL_SPEC,
  ...PACKETDUMP_SESSIONS,
  ...CLOSE,
  ...RESETS,
  ...BALANCING,
  ...DEBUG,
];

/**
 * Replaces the recorded results by the designed ones.
 *
 * @param file File of the records, without its extension.
 * @param records All records of that file about 3.35.
 */
export function designed<T extends object>(file: string, records: readonly T[]): T[] {
  return records.map((record) => {
    const found = DEVIATIONS.find((one) =>
      one.file === file && one.name === nameOf(record) && (one.engine ?? ENGINE) === ENGINE
    );
    return found === undefined ? record : { ...record, ...found.designed };
  });
}

/** The `name` of a record, in channel_spec its `spec`. */
export function nameOf(record: object): string {
  const { name, spec } = record as { name?: string; spec?: string };
  return name ?? spec ?? "";
}
