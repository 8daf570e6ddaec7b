/**
 * Deviations 33 and 37: command lines that 3.35 refused without a reason, or accepted although they
 * are probably wrong. Part of `deviations.ts`.
 *
 * @module
 */
import type { Deviation } from "./deviations.ts";

/** A deviation from a record of command lines. */
export function cli(
  name: string,
  [number, reason]: readonly [Deviation["number"], string],
  designed: Deviation["designed"],
): Deviation {
  return { file: "cli", name, number, reason, designed };
}

const REASON = [33, "the line ends with the reason, and no usage follows"] as const;
const WARNED = [37, "a command line that is probably wrong gets a warning"] as const;
const HELP = " (try balance --help)\n";

/** Records with the usage, and the line here. */
const REASONS: ReadonlyArray<readonly [name: string, line: string]> = [
  ["bad_option", `<BALANCE>: invalid option -- 'x'${HELP}`],
  ["option_h", "<BALANCE>: invalid option -- 'h' (did you mean --help?)\n"],
  ["option_V", "<BALANCE>: invalid option -- 'V' (did you mean --version?)\n"],
  ["option_F", "<BALANCE>: invalid option -- 'F' (did you mean -f?)\n"],
  ...["t", "b", "c"].map((letter) =>
    [
      `missing_optarg_${letter}`,
      `<BALANCE>: option requires an argument -- '${letter}'${HELP}`,
    ] as const
  ),
  ["only_f", `balance: the port is missing${HELP}`],
  ["i_and_hosts", `balance: too many arguments [127.0.0.1:21901]: -i takes only a port${HELP}`],
  ...[["t_0", "0"], ["t_abc", "abc"], ["t_negative", "-1"], ["t_frac", "0.5"]].map((
    [name = "", value],
  ) => [name, `invalid -t [${value}]: not a number from 1 to 2147483647\n`] as const),
  ...[["T_abc", "abc"], ["T_negative", "-3"]].map((
    [name = "", value],
  ) => [name, `invalid -T [${value}]: not a number from 1 to 2147483647\n`] as const),
  [
    "T_0",
    "invalid -T [0]: not a number from 1 to 2147483647 (without -T, there is no idle timeout)\n",
  ],
];
const HOST_MISSING = "unknown or invalid address []: the host is missing\n";

/** Records of cli.json that 3.35 refused with another text, or accepted without one. */
export const USAGE_ERRORS: readonly Deviation[] = [
  ...REASONS.map(([name, stderr]) => cli(name, REASON, { stderr, usage: undefined })),
  cli("port_name_upper", REASON, {
    stderr: "invalid port [SMTP], exiting. (did you mean smtp?)\n",
  }),
  cli("empty_host", REASON, { stderr: HOST_MISSING }),
  cli("host_colon_port_only", REASON, { stderr: HOST_MISSING }),
  cli("b_empty", REASON, { stderr: HOST_MISSING }),
  cli("b_with_port", REASON, {
    stderr: "unknown or invalid address [127.0.0.1:5]: no port can be given here\n",
  }),
  cli("ipv6_host", REASON, {
    stderr: "unknown or invalid address []: an IPv6 address needs brackets: [::1]\n",
  }),
  cli("channels_17", REASON, {
    stderr: "MAXCHANNELS exceeded..., raise the limit of 16 with --max-channels\n",
  }),
  cli("port_only", WARNED, {
    stderr: "balance: warning: no channels given, clients are disconnected until one is created\n",
  }),
  cli("t_5x", WARNED, { stderr: "balance: warning: -t [5x] is read as 5 seconds\n" }),
  cli("T_frac", WARNED, { stderr: "balance: warning: -T [1.5] is read as 1 second\n" }),
];

/** Records of channel_spec.json about hosts that cannot be right. */
export const HOST_ERRORS: readonly Deviation[] = [
  ...[
    [" 127.0.0.1:80", "[ 127.0.0.1]: a host cannot contain spaces"],
    [":80", "[]: the host is missing"],
    [":", "[]: the host is missing"],
    ["::5", "[]: an IPv6 address needs brackets: [::5]"],
  ].map(([name = "", text]) => ({
    file: "channel_spec",
    name,
    number: REASON[0],
    reason: REASON[1],
    designed: { stderr: `unknown or invalid address ${text}\n` },
  })),
];
