/**
 * The records of control.json, show.json and background.json, and those of cli.json about the
 * background, that balance deviates from on purpose; see `deviations.ts`.
 *
 * @module
 */
import { COMMANDS } from "../../lib/control/commands/commands.ts";
import { BIND_REASON, type Deviation, IN_USE, notLocal } from "./deviations.ts";

type Row = Deviation["number"];
type Designed = Deviation["designed"];

const CHECKED = [11, "numbers are checked, and errors name the value"] as const;
const ADDRESSED = [17, "the channel is looked up in the given group"] as const;
const WHOLE = [18, "the whole number of the group counts, not its lowest 8 bits"] as const;
const LONG = [19, "a line ends at its newline and may have 4096 bytes"] as const;
const SURPLUS = [31, "words that a command does not take are an error"] as const;
const LINES = [35, "a line may end with CR LF, semicolons and newlines separate commands"] as const;
const NO_EFFECT = [
  35,
  "a group without a command after it has no effect, and this is reported",
] as const;
const GONE = [51, "the control socket of a process that has ended does not tell its ID"] as const;
const NO_SEGMENT = [15, "-M is ignored, there is no shared memory"] as const;

const HEADING =
  "GRP Type  #   S       ip-address  port    c      totalc maxc        sent        rcvd\n";
const BANNER = "\nbalance 3.35 interactive command shell\nPID of master process is <PID>\n\n";
const VERSION = "  This is balance 3.35\n  MAXGROUPS=16\n  MAXCHANNELS=16\n";

/** A row of `show` for 127.0.0.1. */
function row(
  [group, channel, state]: readonly [number, number, "ENA" | "dis"],
  [port, totalc, maxc]: readonly [number, number, number],
): string {
  return `${String(group).padStart(3)}   RR ${String(channel).padStart(2)} ${state}` +
    `        127.0.0.1 ${String(port).padStart(5)}    0 ${String(totalc).padStart(11)} ` +
    `${String(maxc).padStart(4)}           0           0\n`;
}

/** The table of the three channels that most records start with. */
const UNTOUCHED = HEADING + row([0, 0, "ENA"], [21901, 0, 0]) +
  row([0, 1, "ENA"], [21902, 0, 7]) + row([1, 0, "ENA"], [21903, 0, 0]);

function control(
  name: string,
  [number, reason]: readonly [Row, string],
  designed: Designed,
): Deviation {
  return { file: "control", name, number, reason, designed };
}

/** Several records that differ only in their output. */
function outputs(why: readonly [Row, string], list: Readonly<Record<string, string>>) {
  return Object.entries(list).map(([name, stdout]) => control(name, why, { stdout }));
}

/** Several commands that are refused and leave the table unchanged. */
function refused(why: readonly [Row, string], list: Readonly<Record<string, string>>) {
  return Object.entries(list).map(([name, stdout]) =>
    control(name, why, { stdout, show_after: UNTOUCHED })
  );
}

/** Several commands `group N` alone, which have no effect. */
function withoutEffect(list: Readonly<Record<string, string>>) {
  const reason = "it is for the commands after it, as in -c 'group 1; show'";
  return Object.entries(list).map(([name, command]) =>
    control(name, NO_EFFECT, { stderr: `balance: [${command}] has no effect: ${reason}\n` })
  );
}

/** The commands of 3.35, as the records of `help` list them. */
const RECORDED_HELP = [
  "create <host> <port>",
  "disable <channel>",
  "enable <channel>",
  "group <group>",
  "hash",
  "help",
  "kill",
  "maxc <channel> <maxc>",
  "mrtg-bytes <grp> <ch>",
  "mrtg-conns <grp> <ch>",
  "quit",
  "reset <channel>",
  "rr",
  "show",
  "version",
];
const is335 = (name: string) => RECORDED_HELP.some((line) => line.split(" ")[0] === name);
const NEWER_HELP = COMMANDS.filter(({ name }) => name !== "?" && !is335(name))
  .map(({ name, args }) => [name, ...args].join(" "));
const HELP = "available commands:\n" +
  [...RECORDED_HELP, ...NEWER_HELP].sort().map((line) => `<HELPLINE ${line}>\n`).join("");
const NEWER = [
  28,
  "there are commands that 3.35 did not have: assign, remove and others",
] as const;

const REASON = [33, "the line ends with the reason, and no usage follows"] as const;

const CONTROL: readonly Deviation[] = [
  control("i_without_port", REASON, {
    stderr: "balance: -i needs the port of a running balance (try balance --help)\n",
  }),
  control("i_two_args", REASON, {
    stderr: "balance: too many arguments [x]: -i takes only a port (try balance --help)\n",
  }),
  control("c_without_port", REASON, {
    stderr: "balance: -c needs the port of a running balance (try balance --help)\n",
  }),
  ...outputs(NEWER, {
    help: HELP,
    question: HELP,
    abbrev_h: HELP,
    abbrev_he: HELP,
    i_help: `${BANNER}balance[0] ${HELP}balance[0] `,
  }),
  ...outputs(ADDRESSED, {
    "mrtg-bytes_0_2": "unknown channel\n",
    "mrtg-bytes_1_1": "unknown channel\n",
    "mrtg-bytes_1_2": "unknown channel\n",
    "mrtg-bytes_2_0": "unknown channel\n",
    "mrtg-bytes_15_0": "unknown channel\n",
    "mrtg-bytes_16_0": "unknown group\n",
    "mrtg-conns_0_2": "unknown channel\n",
    "mrtg-conns_16_0": "unknown group\n",
    i_mrtg_checks_current_group: `${BANNER}balance[0] ` +
      "balance[1] 0\n0\nUNKNOWN\ngroup 0 channel 1\n" +
      "balance[1] unknown channel\n" +
      "balance[1] balance[7] 0\n0\nUNKNOWN\ngroup 0 channel 0\n" +
      "balance[7] 0\n0\nUNKNOWN\ngroup 0 channel 1\nbalance[7] ",
  }),
  ...outputs(CHECKED, {
    "mrtg-bytes_a_b": "invalid number [a]\n",
    "mrtg-bytes_0x1_1": "invalid number [0x1]\n",
    "mrtg-conns_x_y": "invalid number [x]\n",
    "disable_99999999999": "no such channel 99999999999\n",
    enable_x: "invalid number [x]\n",
    group_x: "invalid number [x]\n",
    reset_x: "invalid number [x]\n",
    maxc_x_y: "invalid number [x]\n",
    maxc_0_y: "invalid number [y]\n",
    i_group_prompt: `${BANNER}balance[0] balance[1] ${UNTOUCHED}` +
      "balance[1] balance[0] balance[15] value out of range\n" +
      "balance[15] value out of range\n" +
      "balance[15] syntax error\n" +
      "balance[15] invalid number [abc]\n" +
      "balance[15] ",
  }),
  ...refused(CHECKED, {
    disable_x: "invalid number [x]\n",
    disable_1x: "invalid number [1x]\n",
    "create_127.0.0.1_abc": "invalid port [abc]\n",
    "create_127.0.0.1_70000": "invalid port [70000]\n",
    "create_127.0.0.1_-1": "invalid port [-1]\n",
  }),
  ...outputs(WHOLE, {
    group_256: "value out of range\n",
    group_257: "value out of range\n",
  }),
  control("i_group_wrap", WHOLE, {
    stdout: `${BANNER}balance[0] value out of range\n` +
      "balance[0] channel 0 disabled\n" +
      "balance[0] value out of range\n" +
      "balance[0] channel 0 already disabled\n" +
      "balance[0] ",
    show_after: HEADING + row([0, 0, "dis"], [21901, 0, 0]) + row([0, 1, "ENA"], [21902, 0, 7]) +
      row([1, 0, "ENA"], [21903, 0, 0]),
  }),
  ...outputs(LONG, {
    i_long_line_127: `${BANNER}balance[0] too many words: version\nbalance[0] `,
    i_long_line_128: `${BANNER}balance[0] too many words: version\nbalance[0] `,
    i_long_line_250: `${BANNER}balance[0] too many words: version\nbalance[0] `,
  }),
  ...outputs(SURPLUS, {
    show_extra_args: "too many words: show [--json]\n",
    "mrtg-bytes_0_1_2": "too many words: mrtg-bytes <grp> <ch>\n",
    c_arg_longer_than_128: "too many words: version\n",
    i_long_line_126: `${BANNER}balance[0] too many words: version\nbalance[0] `,
    i_extra_args: `${BANNER}balance[0] too many words: quit\nbalance[0] \n`,
    i_version_extra: `${BANNER}balance[0] too many words: version\nbalance[0] `,
  }),
  ...refused(SURPLUS, {
    disable_0_1: "too many words: disable <channel>\n",
    maxc_0_5_6: "too many words: maxc <channel> <maxc>\n",
    "create_127.0.0.1_8080_5": "invalid attribute [5]: an attribute is KEY=VALUE\n",
  }),
  ...outputs(LINES, {
    "abbrev_show;": UNTOUCHED,
    newline_inside: UNTOUCHED + VERSION,
    i_crlf_lines: `${BANNER}balance[0] ${VERSION}balance[0] ${UNTOUCHED}balance[0] `,
  }),
  ...withoutEffect({
    group_0: "group 0",
    group_1: "group 1",
    group_15: "group 15",
    g_0: "g 0",
  }),
  control("kill_abbreviated_k", [20, "kill must be written out"], { stdout: "syntax error\n" }),
  control("kill_unreaped_master", [21, "kill reports that balance has stopped listening"], {
    stdout: "shutdown complete, exiting.\n",
    exit_code: 0,
  }),
  ...outputs(GONE, {
    kill_unreaped_master_then_show: "no master process, exiting.\n",
    kill_unreaped_master_then_kill: "no master process, exiting.\n",
    kill_unreaped_master_then_i: "no master process, exiting.\n",
    no_master_died_by_signal: "no master process, exiting.\n",
    no_master_died_by_signal_i: "no master process, exiting.\n",
  }),
  control("no_master_never_started", [22, "the client creates no files"], {
    rendezvous_file_created: false,
  }),
  control("wrong_M", NO_SEGMENT, {
    stdout: HEADING + row([0, 0, "ENA"], [21901, 0, 0]),
    exit_code: 0,
  }),
  control("M_master_only", NO_SEGMENT, {
    stdout: HEADING + row([0, 0, "ENA"], [21901, 0, 0]),
    exit_code: 0,
    files: ["balance.21106.0.0.0.0"],
  }),
];

const SHOW: readonly Deviation[] = [
  {
    file: "show",
    name: "long_ips",
    number: 11,
    reason: "port 70000 is refused at start, so 7000 replaces it",
    designed: {
      setup: [
        "-f",
        "21020",
        "255.255.255.255:65535",
        "192.168.100.200:1",
        "10.0.0.1:7000",
        "0.0.0.0:0",
        "203.0.113.255:999",
      ],
      stdout: HEADING +
        "  0   RR  0 ENA  255.255.255.255 65535    0           0    0           0           0\n" +
        "  0   RR  1 ENA  192.168.100.200     1    0           0    0           0           0\n" +
        "  0   RR  2 ENA         10.0.0.1  7000    0           0    0           0           0\n" +
        "  0   RR  3 ENA          0.0.0.0     0    0           0    0           0           0\n" +
        "  0   RR  4 ENA    203.0.113.255   999    0           0    0           0           0\n",
    },
  },
  {
    file: "show",
    name: "twelve_connections",
    number: 6,
    reason: "a burst is distributed evenly: six and six, not seven and five",
    designed: {
      stdout: HEADING +
        "  0   RR  0 ENA        127.0.0.1 21001    6           6    0        6000        6018\n" +
        "  0   RR  1 ENA        127.0.0.1 21001    6           6    0        6000        6018\n",
    },
  },
];

function background(
  name: string,
  [number, reason]: readonly [Row, string],
  designed: Designed,
): Deviation {
  return { file: "background", name, number, reason, designed };
}

const NULL_DEVICE = { "0": "/dev/null", "1": "/dev/null", "2": "/dev/null" };
const P_IS_REFUSED = [14, "in the background there is no output to print a dump to"] as const;
const P_REFUSED = {
  parent_exit_code: 64,
  parent_stderr: "balance: -p needs -f: there is no stdout in the background\n",
  client_received: null,
  backend_received: [],
} as const;

const BACKGROUND: readonly Deviation[] = [
  background("background_basic", [
    14,
    "standard descriptors are the null device, the session is a new one, only the owner may " +
    "use the control socket",
  ], {
    parent_seconds_below: 0.5,
    child_fds: NULL_DEVICE,
    child_is_session_leader: true,
    child_session_is_the_starters_session: false,
    rendezvous: [["balance.21002.0.0.0.0", "0o600", 0]],
  }),
  background(
    "background_connection_process_fds",
    [14, "there is no process per connection, and 0-2 stay the null device"],
    { fds: NULL_DEVICE },
  ),
  background(
    "restart_old_connection_closed",
    [5, "each process has its own table, so the old one cannot change the new one"],
    { rows: [[0, 0]] },
  ),
  background(
    "kill_with_open_connection",
    [34, "the answer includes how many connections are left, and control works until they end"],
    { kill_stdout: "shutdown started, 1 connection left, exiting when they end.\n" },
  ),
  background(
    "sigterm_master_with_open_connection",
    [21, "graceful shutdown: the connection is drained, the socket is removed at the end"],
    { master_alive: true, rendezvous_left: false },
  ),
  background(
    "sigint_master_only_foreground",
    [21, "graceful shutdown: it exits with 0 after its last connection"],
    { returncode: 0 },
  ),
  background("signals_foreground", [43, "SIGHUP exits with 0 because no connection is cut"], {
    after_hup: 0,
  }),
  background("M_fds", [14, "standard descriptors are the null device with -M, too"], {
    fds: NULL_DEVICE,
  }),
  background("rendezvous_names", [11, "ports are checked, and -M creates no file"], {
    names: [
      [["PORT"], ["balance.PORT.0.0.0.0"]],
      [["-b", "localhost", "PORT"], ["balance.PORT.127.0.0.1"]],
      [["-b", "127.0.0.5", "PORT"], ["balance.PORT.127.0.0.5"]],
      [["-b", "0.0.0.0", "PORT"], ["balance.PORT.0.0.0.0"]],
      [["-f", "smtp"], ["balance.25.0.0.0.0"]],
      [["-f", "70000"], []],
      [["-f", "65536"], []],
      [["-f", "--", "-5"], []],
      [["-M", "PORT"], ["balance.PORT.0.0.0.0"]],
    ],
  }),
  background("autodisable_background_syslog", [26, "the syslog identifier is balance"], {
    syslog: [
      "<29><TIME> balance[<PID>]: connection failed group 0 channel 0",
      "<29><TIME> balance[<PID>]: 127.0.0.1:21951 needs to be enabled manually " +
      "using balance -i after the problem is solved",
    ],
  }),
  background("background_with_-p_server_closes", P_IS_REFUSED, P_REFUSED),
  background("background_with_-p_client_closes", P_IS_REFUSED, P_REFUSED),
  background("background_with_-d_client_closes", [14, "-d in the background goes to syslog"], {
    parent_stdout: "",
    parent_stderr: "",
    client_received: "answer\n",
    backend_received: ["hello\n"],
  }),
  background("background_with_-T_1_client_closes", [14, "the message goes to syslog"], {
    backend_received: ["hello\n"],
  }),
  background("background_with_-adpH_server_closes", P_IS_REFUSED, {
    ...P_REFUSED,
    parent_stdout: "",
  }),
  background("stale_channel_of_a_previous_run", [4, "the table is new at each start"], {
    second_run_client_got: "EOF",
  }),
  background("create_inherits_counters_of_a_previous_run", [4, "the table is new at each start"], {
    show: HEADING + row([0, 0, "ENA"], [21001, 0, 0]) + row([0, 1, "dis"], [21001, 0, 0]),
  }),
  background("background_-M_-p_corrupts_state", [14, "-p in the background is refused"], {
    parent_exit_code: 64,
    show_before: "no master process, exiting.\n",
    show_after: "no master process, exiting.\n",
    show_after_exit: 69,
    state_file_starts_with: null,
    next_client: null,
  }),
  background("background_-M_-d_corrupts_state", [15, "there is no state file to write to"], {
    show_after: HEADING + row([0, 0, "ENA"], [21001, 1, 0]).replace(
      /0 +0\n$/,
      "6           9\n",
    ),
    show_after_exit: 0,
    state_file_starts_with: null,
    next_client: "B0",
  }),
  background(
    "rendezvous_directory_created_when_missing",
    [16, "only the owner may use the directory and the socket"],
    { directory: "$BALANCE_RUNDIR", mode: "700", file_mode_with_umask_022: "600" },
  ),
];

/** The records of the command line that are about the background. */
const CLI: readonly Deviation[] = [
  ["background_unknown_host", 65, "unknown or invalid address [no..such]\n"],
  ["background_bang_first", 69, "balance: no channels in group\n"],
].map(([name, exit_code, stderr]) => ({
  file: "cli",
  name: String(name),
  number: 13,
  reason: "everything is checked before the parent exits, and its exit code is right",
  designed: { exit_code, stderr },
}));
const BIND: readonly Deviation[] = [
  ["address_in_use_background", "0.0.0.0:21777", IN_USE],
  ["b_not_local_background", "203.0.113.7:21001", notLocal("203.0.113.7")],
].map(([name = "", address, reason]) => ({
  file: "cli",
  name,
  number: 32,
  reason: BIND_REASON,
  designed: { stderr: `balance: can't bind local address ${address}: ${reason}\n` },
}));
const SIXTEEN: Deviation = {
  file: "cli",
  name: "background_channels_16",
  number: 12,
  reason: "16 channels can be given",
  designed: { keeps_running: true },
};

/** All of them. */
export const CONTROL_DEVIATIONS: readonly Deviation[] = [
  ...CONTROL,
  ...SHOW,
  ...BACKGROUND,
  ...CLI,
  ...BIND,
  SIXTEEN,
];

/**
 * Replaces the recorded results by the designed ones.
 *
 * @param file File of the records, without its extension.
 * @param records All records of that file.
 */
export function designedControl<T extends { name: string }>(
  file: "control" | "show" | "background" | "cli",
  records: readonly T[],
): T[] {
  return records.map((record) => {
    const found = CONTROL_DEVIATIONS.find((one) => one.file === file && one.name === record.name);
    return found === undefined ? record : { ...record, ...found.designed };
  });
}
