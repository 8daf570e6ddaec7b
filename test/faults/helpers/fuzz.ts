/** Hostile input, reproducible by its seed. */
import type { Draw } from "../../helpers/drawer.ts";

const COMMANDS = [
  ..."show help ? disable group reset enable create maxc mrtg-bytes mrtg-conns version".split(" "),
  ..."hash rr assign remove conns close quit sho di e c m mrtg h r a rem v x kil KILL".split(" "),
];
const ODD_WORDS = [
  ..."0 1 2 15 16 -1 -0 +1 00 1e3 0x10 2147483647 2147483648 -2147483649 9999999999999999".split(
    " ",
  ),
  ..."NaN Infinity ! % : :: [ ] [::1] ::1 127.0.0.1 127.1 256.1.1.1 1.2.3.4.5 0 65535 65536".split(
    " ",
  ),
  ..."http ftp 70000 --json -- -x \\ ' \" ` $(id) ; | & * ../.. constructor __proto__ toString"
    .split(" "),
  "\u0000",
  "\u001b[2J",
  "\r",
  "\u00e9",
  "\ud83d\ude00",
  "a".repeat(300),
  "9".repeat(400),
];

const encoder = new TextEncoder();

/** A line for the control socket, without a newline; half of them look like commands. */
export function controlLine(draw: Draw): Uint8Array<ArrayBuffer> {
  const line = draw.percent(50) ? grammarLine(draw) : randomLine(draw);
  // kill would stop the program, dump would write files, top takes a while.
  const first = new TextDecoder().decode(line).split("\0")[0]!.trim().split(/[ \t]+/)[0] ?? "";
  return first === "kill" || first.startsWith("du") || first.startsWith("to")
    ? line.subarray(0, 1)
    : line;
}

function grammarLine(draw: Draw): Uint8Array<ArrayBuffer> {
  const words: string[] = [draw.of(COMMANDS)];
  for (let n = draw.below(5); n > 0; n--) words.push(draw.of(ODD_WORDS));
  let text = words.join(draw.of([" ", "  ", "\t", " \t "]));
  if (draw.percent(10)) text = ` ${text}`;
  if (draw.percent(5)) text = text.slice(0, draw.below(text.length + 1));
  return encoder.encode(text.replaceAll("\n", " "));
}

function randomLine(draw: Draw): Uint8Array<ArrayBuffer> {
  const length = draw.percent(1) ? 3000 + draw.below(3000) : draw.below(80);
  const printable = draw.percent(50);
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) {
    bytes[i] = printable ? 32 + draw.below(95) : draw.below(256);
    if (bytes[i] === 10) bytes[i] = 13;
  }
  return bytes;
}

const OPTIONS = [
  ..."-a -b -B -c -d -f -H -M -p -t -T -6 -h -z - -- -ffff -fdb -t1 -T0 -t-1 --help --version"
    .split(" "),
  ..."--workers --workers=0 --workers=2 --workers=x --grace --grace=0 --grace=1e9 --strict".split(
    " ",
  ),
  ..."--max-groups=2 --max-groups=99999 --max-channels= --completions=bash --completions=csh".split(
    " ",
  ),
  ..."--metrics=x --metrics=127.0.0.1:99999 --log-format=xml --dump-format=x --dump-channel=1.x"
    .split(" "),
  ..."--dump-bytes=-1 --dump-match=( --nonsense --=x --f --toString --__proto__=1 --constructor"
    .split(" "),
];
const PLACES = [
  ..."! % 127.0.0.1:1 127.0.0.1:1:2 127.0.0.1::5 [::1]:1 [::1 ::1 :1 : :: 300.1.1.1 127.1:1".split(
    " ",
  ),
  ..."127.0.0.1:x 127.0.0.1:70000 127.0.0.1:1:x 127.0.0.1:1:2:3 localhost:http a..b -x \u0001"
    .split(" "),
  "",
  " ",
  "\u00e9",
  "\ud83d\ude00:1",
  "x".repeat(5000),
];

const GOOD_OPTIONS = [
  ..."-a -d -f -H -M -6 -f -f -T5 -t1 -b127.0.0.1 -B127.0.0.1 -b::1 -b198.51.100.1 -cshow -cx"
    .split(" "),
  ..."--workers=2 --grace=1 --strict --log=log --metrics=0 --dump-file=dump -i --log=/no/such/x"
    .split(" "),
];
const GOOD_PLACES = [
  "127.0.0.1:1",
  "127.0.0.1",
  "[::1]:1:5",
  "localhost",
  "!",
  "%",
  "no.such.test",
];

/** A command line, usually an invalid one. `port` is used as its port most of the time. */
export function commandLine(draw: Draw, port: string): string[] {
  const argv: string[] = [];
  if (draw.percent(40)) {
    for (let n = draw.below(4); n > 0; n--) argv.push(draw.of(GOOD_OPTIONS));
    argv.push(draw.percent(95) ? port : "0");
    for (let n = draw.below(4); n > 0; n--) argv.push(draw.of(GOOD_PLACES));
    return argv;
  }
  for (let n = draw.below(4); n > 0; n--) {
    argv.push(draw.of(OPTIONS));
    if (draw.percent(30)) argv.push(draw.of(ODD_WORDS.filter((word) => !word.includes("\0"))));
  }
  if (draw.percent(80)) argv.push(draw.percent(85) ? port : draw.of(["0", "-1", "65536", "x", ""]));
  for (let n = draw.below(5); n > 0; n--) argv.push(draw.of(PLACES));
  if (draw.percent(5)) { for (let n = 0; n < 300; n++) argv.push("127.0.0.1:1"); }
  return argv;
}

/** Text that is an address or nearly one. */
export function addressText(draw: Draw): string {
  const parts = draw.percent(50)
    ? Array.from({ length: 1 + draw.below(5) }, () => String(draw.below(300))).join(".")
    : Array.from(
      { length: 1 + draw.below(9) },
      () => draw.percent(20) ? "" : draw.below(70_000).toString(16),
    ).join(":");
  if (draw.percent(70)) return parts;
  const at = draw.below(parts.length + 1);
  return parts.slice(0, at) + draw.of(["[", "]", ":", "::", ".", "%", "/", "x", " ", "\0", "1"]) +
    parts.slice(at + draw.below(2));
}
