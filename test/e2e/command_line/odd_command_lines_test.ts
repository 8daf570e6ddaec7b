/** Whatever is typed, the program ends with its own words and an exit code of balance(1). */

import { assert, assertEquals } from "@std/assert";
import { pool } from "../../helpers/pool.ts";
import { runBalance } from "../../helpers/program/start_balance.ts";
import { t } from "../../helpers/t.ts";
import { tempDir } from "../../helpers/temp_dir.ts";

const GOOD = "127.0.0.1:9";
/** 100 KiB; the system allows 128 KiB in an argument. */
const HUGE = "x".repeat(100 * 1024);
const CONTROL = "\x01\x1b[2J\x1b]0;title\x07\r\n\t\x7f\u0085";
const UNICODE = "münchen.例え.\u202e\u200b\ud83d\ude00";
/** Options that end a start which would otherwise succeed, after everything has been parsed. */
const ENDS = { log: ["--log", "/dev/null/log"], metrics: ["--metrics", "203.0.113.9:80"] };
/** Exit codes of balance(1), without 70: no command line may meet a bug. */
const CODES = [0, 1, 64, 65, 69, 73, 77];
/** Words of the runtime. */
const FOREIGN = /Uncaught|\b[Ee]rror: |\bdeno\b|\bat file:|^\s+at |panicked|internal error/m;

const channels = (count: number): string[] => Array(count).fill(GOOD);

/** Values that fit nowhere, or hardly. */
const VALUES = ["", " ", "-", "--", "!", "%", ":", "[", "[]", "[]:", "\\", CONTROL, UNICODE, HUGE];
const VALUE_OPTIONS = [
  ...["-b", "-B", "-t", "-T", "--workers", "--grace", "--log", "--log-format", "--metrics"],
  ...["--dump-file", "--dump-format", "--dump-client", "--dump-channel", "--dump-match"],
  ...["--dump-bytes", "--dump-rotate", "--max-groups", "--max-channels", "--completions"],
  ...["--check", "--interval", "--rise", "--fall", "--check-timeout", "--passive", "--on-down"],
  ...["--slow-start", "--schedule", "--wait"],
];

const lines: readonly (readonly string[])[] = [
  // Each value as port, channel, control command and argument of some option.
  ...VALUES.flatMap((value, i) => [
    ["-f", "--", value, GOOD],
    ["-f", "PORT", "--", value],
    ["-f", "PORT", GOOD, `127.0.0.1:${value}`],
    ["-f", "PORT", `${GOOD},check=${value}`, `${GOOD},weight=${value}`],
    ["-c", value, "PORT"],
    ["-f", VALUE_OPTIONS[i % VALUE_OPTIONS.length]!, value, "PORT", GOOD],
    ["-f", VALUE_OPTIONS[(i + 7) % VALUE_OPTIONS.length]!, value, "PORT", GOOD],
  ]),
  // Huge values of every option.
  ...VALUE_OPTIONS.map((option) => ["-f", option, HUGE, "PORT", GOOD]),
  ["-f", "--dump-match", "(".repeat(50_000), "PORT", GOOD],
  ["-f", "--dump-match", "(a*)*".repeat(20_000), "PORT", GOOD],
  ["-f", "--dump-file", `/tmp/${"%n".repeat(5000)}`, "PORT", GOOD],
  [`--${HUGE}`],
  [`-${HUGE}`],
  [`-${"f".repeat(100 * 1024)}`],
  ["-f", "PORT", `${"1".repeat(100 * 1024)}`],
  ["-f", "PORT", ":".repeat(100 * 1024)],
  ["-f", "PORT", `[${":".repeat(100 * 1024)}]`],
  ["-f", "PORT", `[::1]:80:${"9".repeat(100 * 1024)}`],
  ["-f", "PORT", `127.0.0.1:${"0".repeat(100 * 1024)}9`],
  ["-f", "PORT", `${GOOD}${",weight=1".repeat(10_000)}`],
  ["-f", "PORT", `${GOOD},check=exec:${"x ".repeat(50_000)}`],
  ["-f", "PORT", `${GOOD},check=send:${"\\x41".repeat(25_000)}`],
  ["-f", "--check", `http:/=${"200,".repeat(25_000)}`, "PORT", GOOD],
  ["-f", "--schedule", Array(1000).fill("0=rr").join(","), "PORT", GOOD],
  // Many arguments.
  ["-f", "PORT", ...channels(10_000)],
  ["-f", "--max-channels", "1024", "PORT", ...channels(10_000)],
  [
    ...["-f", "--max-channels", "1000", "--max-groups", "10", "PORT"],
    ...Array(10).fill([...channels(999), "%"]).flat(),
  ],
  ["-f", "PORT", ...Array(10_000).fill("!")],
  [...Array(10_000).fill("-f"), "PORT", "!"],
  [...Array(10_000).fill("-t5"), "-f", "PORT", "!"],
  ["-i", ...Array(10_000).fill("x")],
  ["-c", "show", ...Array(10_000).fill("1")],
  // Modes, alone and against each other.
  ["-i", "PORT"],
  ["-i", "-c", "show", "PORT"],
  ["-c", "show;".repeat(1000), "PORT"],
  ["-c", "dump on", "-c", "dump off", "PORT"],
  ["--help", "--version", "-x"],
  ["--version", "extra", CONTROL],
  ["--completions", "bash", "-i"],
  ["--list"],
  ["--list", "PORT"],
  ["--json"],
  ["-f", "-i"],
  ["-6", "-b", "[::1]", "-i", "PORT"],
  ["-b", "no..such", "-c", "show", "PORT"],
  ["-b", "203.0.113.9", "-c", "show", "PORT"],
  ["-fpd", "PORT", GOOD],
  ["-f", "--dump-file", "", "PORT", GOOD],
  ["-f", "-B", "::1", "PORT", GOOD],
  ["-f", "-b", "::ffff:127.0.0.1", "PORT", GOOD],
  ["-f", "-b", "0", "-6", "PORT", GOOD],
  ["-f", "-b", "255.255.255.255", "PORT", GOOD],
  ["-f", "-b", "224.0.0.1", "PORT", GOOD],
  ["-f", "-b", "fe80::1", "PORT", GOOD],
  ["-f", "--workers", "64", "--workers", "65", "PORT", GOOD],
  ["PORT", "no..such"],
  ["-p", "PORT", GOOD],
];

/** Command lines that cannot serve and need no help to end. */
const failing: readonly (readonly string[])[] = [
  ["-fp", "--dump-file", "/", "PORT", GOOD],
  ["-f", "--dump-file", "/nowhere/x", "PORT", GOOD],
  ["-f", "--dump-file", `/tmp/${"n".repeat(300)}`, "PORT", GOOD],
  ["-f", "--dump-file", HUGE, "PORT", GOOD],
  ["-f", "--dump-file", "/proc/1/x", "PORT", GOOD],
  ["-f", "--metrics", "PORT", "PORT", GOOD],
  ["-f", "--metrics", "203.0.113.9:80", "PORT", GOOD],
  ["-f", "--metrics", "no..such:80", "PORT", GOOD],
  ["-f", "--log", "/", "PORT", GOOD],
  ["-f", "--log", "/nowhere/x", "PORT", GOOD],
  ["-f", "--pid-file", "/", "PORT", GOOD],
  ["-f", "--pid-file", "/nowhere/x", "PORT", GOOD],
  ["-f", "-B", "203.0.113.9", "PORT", GOOD],
];

t(`${lines.length + failing.length} odd command lines end with balance's own words`, async () => {
  // Some values are names of files.
  using cwd = tempDir();
  const all = [...lines.map(ending), ...failing];
  await pool(all, { limit: 3, name: shown }, async (line) => {
    const { code, stdout, stderr } = await runBalance(line, {
      timeoutMs: 60_000,
      cwd: cwd.path,
    });
    const output = `${stdout.slice(0, 3000)}${stderr.slice(0, 3000)}`;
    assert(CODES.includes(code), `exit code ${code}: ${output}`);
    assert(!FOREIGN.test(output), output);
    assert(stdout.length + stderr.length < 20_000, `${stdout.length + stderr.length} characters`);
    // deno-lint-ignore no-control-regex
    assertEquals(stderr.match(/[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]/), null, "control");
    if (code !== 0) assert(output.endsWith("\n"), output);
  });
});

/** The command line with options that keep it from serving, if it may serve. */
function ending(line: readonly string[]): string[] {
  const serves = line.includes("PORT") && !line.includes("-c") && !line.includes("-i") &&
    !line[0]?.startsWith("--");
  if (!serves) return [...line];
  return [...line.includes("--log") ? ENDS.metrics : ENDS.log, ...line];
}

/** A command line, cut to what fits in a message. */
function shown(line: readonly string[]): string {
  return line.slice(0, 12).map((word) => JSON.stringify(word.slice(0, 60))).join(" ");
}
