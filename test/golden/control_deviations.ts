/**
 * The records of control.json, show.json and background.json that this program deviates from on
 * purpose; the same form as the list of all other files.
 *
 * @module
 */
import { COMMANDS } from "../../lib/control/commands.ts";
import type { Deviation } from "./deviations.ts";

type Row = Deviation["number"];
type Designed = Deviation["designed"];

const CHECKED = [19, "numbers are checked, and errors name the value"] as const;
const ADDRESSED = [14, "the channel is looked up in the group addressed"] as const;
const WHOLE = [16, "the group is a whole number, not its lowest 8 bits"] as const;
const LONG = [22, "a line is a line up to its newline, 4096 bytes at most"] as const;
const GONE = [23, "a master that ends takes its socket along, nobody has to guess"] as const;
const NO_SEGMENT = ["-", "-M is accepted and means nothing, there is no shared segment"] as const;

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

/** The table of the three channels that most records begin with. */
const UNTOUCHED = HEADING + row([0, 0, "ENA"], [21901, 0, 0]) +
  row([0, 1, "ENA"], [21902, 0, 7]) + row([1, 0, "ENA"], [21903, 0, 0]);

function control(
  name: string,
  [number, reason]: readonly [Row, string],
  designed: Designed,
): Deviation {
  return { file: "control", name, number, reason, designed };
}

/** Several records of which only the output differs. */
function outputs(why: readonly [Row, string], list: Readonly<Record<string, string>>) {
  return Object.entries(list).map(([name, stdout]) => control(name, why, { stdout }));
}

/** Several records that are refused, so that the table stays as it was. */
function refused(list: Readonly<Record<string, string>>) {
  return Object.entries(list).map(([name, stdout]) =>
    control(name, CHECKED, { stdout, show_after: UNTOUCHED })
  );
}

/** The commands of 3.35, as the records write a line of `help` about each. */
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
  "-",
  "there are commands that 3.35 did not have: assign, remove and others",
] as const;

const CONTROL: readonly Deviation[] = [
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
  ...refused({
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
    i_long_line_127: `${BANNER}balance[0] ${VERSION}balance[0] `,
    i_long_line_128: `${BANNER}balance[0] ${VERSION}balance[0] `,
    i_long_line_250: `${BANNER}balance[0] ${VERSION}balance[0] `,
  }),
  control("kill_abbreviated_k", [20, "kill must be written out"], { stdout: "syntax error\n" }),
  control("kill_unreaped_master", [23, "the master itself says that it refuses connections"], {
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
  control("no_master_never_started", [26, "the client creates nothing"], {
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
    number: 19,
    reason: "port 70000 is refused at start, so 7000 stands in for it",
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
    number: 28,
    reason: "a burst is spread exactly: six and six, not seven and five",
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
const P_IS_REFUSED = [3, "in the background there is nowhere to print a dump to"] as const;
const P_REFUSED = {
  parent_exit_code: 64,
  parent_stderr: "balance: -p needs -f: in the background there is nowhere to print to\n",
  client_received: null,
  backend_received: [],
} as const;

const BACKGROUND: readonly Deviation[] = [
  background("background_basic", [
    3,
    "standard descriptors are the null device, the session is an own one, the socket is " +
    "the owner's alone",
  ], {
    parent_seconds_below: 0.5,
    child_fds: NULL_DEVICE,
    child_is_session_leader: true,
    child_session_is_the_starters_session: false,
    rendezvous: [["balance.21002.0.0.0.0", "0o600", 0]],
  }),
  background(
    "background_connection_process_fds",
    [3, "there is no process per connection, and 0-2 stay the null device"],
    { fds: NULL_DEVICE },
  ),
  background(
    "restart_old_connection_closed",
    [8, "each master has a table of its own, the old one cannot touch the new one's"],
    { rows: [[0, 0]] },
  ),
  background(
    "sigterm_master_with_open_connection",
    [23, "orderly: the connection has its grace time, the socket goes at once"],
    { master_alive: true, rendezvous_left: false },
  ),
  background(
    "sigint_master_only_foreground",
    [23, "orderly: it ends with 0 after its last connection"],
    { returncode: 0 },
  ),
  background("signals_foreground", [23, "SIGHUP ends it orderly, with 0 as nothing is cut off"], {
    after_hup: 0,
  }),
  background("M_fds", [4, "standard descriptors are the null device with -M, too"], {
    fds: NULL_DEVICE,
  }),
  background("rendezvous_names", [19, "ports are checked, and -M makes no file"], {
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
  background("autodisable_background_syslog", ["-", "issue 3: the ident is balance"], {
    syslog: [
      "<29><TIME> balance[<PID>]: connection failed group 0 channel 0",
      "<29><TIME> balance[<PID>]: 127.0.0.1:21951 needs to be enabled manually " +
      "using balance -i after the problem is solved",
    ],
  }),
  background("background_with_-p_server_closes", P_IS_REFUSED, P_REFUSED),
  background("background_with_-p_client_closes", P_IS_REFUSED, P_REFUSED),
  background("background_with_-d_client_closes", [3, "-d in the background goes to syslog"], {
    parent_stdout: "",
    parent_stderr: "",
    client_received: "answer\n",
    backend_received: ["hello\n"],
  }),
  background("background_with_-T_1_client_closes", [3, "the message goes to syslog"], {
    backend_received: ["hello\n"],
  }),
  background("background_with_-adpH_server_closes", P_IS_REFUSED, {
    ...P_REFUSED,
    parent_stdout: "",
  }),
  background("stale_channel_of_a_previous_run", [7, "the table is new at each start"], {
    second_run_client_got: "EOF",
  }),
  background("create_inherits_counters_of_a_previous_run", [7, "the table is new at each start"], {
    show: HEADING + row([0, 0, "ENA"], [21001, 0, 0]) + row([0, 1, "dis"], [21001, 0, 0]),
  }),
  background("background_-M_-p_corrupts_state", [4, "-p in the background is refused"], {
    parent_exit_code: 64,
    show_before: "no master process, exiting.\n",
    show_after: "no master process, exiting.\n",
    show_after_exit: 69,
    state_file_starts_with: null,
    next_client: null,
  }),
  background("background_-M_-d_corrupts_state", [4, "there is no state file to write into"], {
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
    ["-", "DESIGN.md section 2: the directory and the socket are the owner's alone"],
    { directory: "$BALANCE_RUNDIR", mode: "700", file_mode_with_umask_022: "600" },
  ),
];

/** Of the command line, what is about the background. */
const CLI: readonly Deviation[] = [
  ["background_unknown_host", 65, "unknown or invalid address [no..such]\n"],
  ["background_bang_first", 69, "balance: no channels in group\n"],
].map(([name, exit_code, stderr]) => ({
  file: "cli",
  name: String(name),
  number: 18,
  reason: "everything is checked before the parent returns, and its exit code is true",
  designed: { exit_code, stderr },
}));
const SIXTEEN: Deviation = {
  file: "cli",
  name: "background_channels_16",
  number: 17,
  reason: "16 channels really work",
  designed: { keeps_running: true },
};

/** All of them. */
export const CONTROL_DEVIATIONS: readonly Deviation[] = [
  ...CONTROL,
  ...SHOW,
  ...BACKGROUND,
  ...CLI,
  SIXTEEN,
];

/**
 * Puts the designed results in the place of the recorded ones.
 *
 * @param file File of the records, without its ending.
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
