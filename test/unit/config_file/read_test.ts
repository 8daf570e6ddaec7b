import { assertEquals, assertThrows } from "@std/assert";
import { ExitError, UsageError } from "../../../lib/base/errors.ts";
import { SPELLINGS } from "../../../lib/cli/option_table.ts";
import { formatPlace } from "../../../lib/config_file/place.ts";
import { readConfiguration } from "../../../lib/config_file/read.ts";
import { filesOf } from "../../helpers/config_file/files_of.ts";
import { t } from "../../helpers/t.ts";

const PURE = { permissions: "none" } as const;
const CONFIG = { path: "/etc/balance/web.conf", file: "web.conf" };

function read(files: Readonly<Record<string, string>>, lenient = false) {
  const all = Object.entries(files).map(([name, text]) => [`/etc/balance/${name}`, text]);
  const options = { spellings: SPELLINGS, files: filesOf(Object.fromEntries(all)), lenient };
  return readConfiguration(CONFIG, options);
}

/** Each word with its place. */
function words(files: Readonly<Record<string, string>>, lenient = false): string[] {
  const { listen, options, operands } = read(files, lenient);
  return [...listen === undefined ? [] : [listen], ...options, ...operands].map((one) =>
    `${one.place && formatPlace(one.place)} ${one.name ?? ""} ${one.value ?? ""}`
  );
}

t("readConfiguration() keeps the place of each option, channel and separator", () => {
  const text = "listen 80\nbind ::1\nforeground\n\nweb1:80\n%\n[::1]:80,check=exec:a\nt\n!\n";
  assertEquals(words({ "web.conf": text }), [
    "web.conf:1 listen 80",
    "web.conf:2 b ::1",
    "web.conf:3 f ",
    "web.conf:5  web1:80",
    "web.conf:6  %",
    "web.conf:7  [::1]:80,check=exec:a",
    // A letter alone is a host.
    "web.conf:8  t",
    "web.conf:9  !",
  ]);
}, PURE);

t("readConfiguration(): an attribute of a channel may contain blanks", () => {
  const text = "a:80,weight=2,check=exec:/bin/x  a\tb # c\nb:80,check=exec:/x y,weight=3\n";
  assertEquals(words({ "web.conf": text }), [
    "web.conf:1  a:80,weight=2,check=exec:/bin/x  a\tb",
    "web.conf:2  b:80,check=exec:/x y,weight=3",
  ]);
}, PURE);

t("readConfiguration() reads included files in place, relative to the including file", () => {
  const files = {
    "web.conf": "a\ninclude d/*.conf\nz\ninclude d/none*\n",
    "d/2.conf": "d2\ninclude ../e\n",
    "d/10.conf": "d10\n",
    "d/x.txt": "x\n",
    "e": "e\ninclude /etc/balance/f\n",
    "f": "f",
  };
  assertEquals(words(files), [
    "web.conf:1  a",
    "d/10.conf:1  d10",
    "d/2.conf:1  d2",
    "d/../e:1  e",
    "/etc/balance/f:1  f",
    "web.conf:3  z",
  ]);
}, PURE);

t("readConfiguration() with lenient skips what is wrong and keeps the rest", () => {
  const text = "wrogn x\nlisten 80\ngrace\nlisten 81\nbind ::1\ninclude nothing\n";
  assertEquals(words({ "web.conf": text }, true), ["web.conf:2 listen 80", "web.conf:5 b ::1"]);
}, PURE);

t("readConfiguration() names file, line and value of what is wrong", () => {
  const own = "'%' belongs on the command line, not in a file";
  const cases: [text: string, reason: string][] = [
    ["listen", "'listen' requires a port"],
    ["listen 80 81", "invalid port [80 81]: want one port"],
    ["listen ::1:80", "invalid port [::1:80]: want two lines: listen 80, bind ::1"],
    ["listen [::1]:80", "invalid port [[::1]:80]: want two lines: listen 80, bind ::1"],
    ["listen a:80", "invalid port [a:80]: want two lines: listen 80, bind a"],
    ["listen = 80", "invalid line [listen = 80]: a blank alone separates 'listen' from its value"],
    ["grace=5", "invalid line [grace=5]: a blank alone separates 'grace' from its value"],
    ["grace = 5", "invalid line [grace = 5]: a blank alone separates 'grace' from its value"],
    ["--grace 5", "unrecognized option '--grace': a file has no dashes (did you mean grace?)"],
    ["-t 5", "unrecognized option '-t': a file has no dashes (did you mean connect-timeout?)"],
    ["-nothing", "unrecognized option '-nothing': a file has no dashes"],
    ["t 5", "unrecognized option 't' [5] (did you mean connect-timeout?)"],
    ["grcae 5", "unrecognized option 'grcae' [5] (did you mean grace?)"],
    ["lsten 80", "unrecognized option 'lsten' [80] (did you mean listen?)"],
    ["grace: 5", "invalid line [grace: 5]: a blank alone separates 'grace' from its value"],
    ["port: 80", "invalid line [port: 80]: want one channel or separator on each line"],
    ["nothing x", "unrecognized option 'nothing' [x]"],
    ["constructor x", "unrecognized option 'constructor' [x]"],
    ["a:80 b:80", "invalid line [a:80 b:80]: want one channel or separator on each line"],
    ["! b:80", "invalid line [! b:80]: want one channel or separator on each line"],
    ["debug yes", "option 'debug' doesn't allow an argument [yes]"],
    ["grace # 5", "option 'grace' requires an argument"],
    ["include", "'include' requires a file"],
    ...["command show", "interactive", "config x", "test", "strict", "list", "json", "help"]
      .map((line): [string, string] => [line, own.replace("%", line.replace(/ .*/, ""))]),
    ["version", own.replace("%", "version")],
    ["completions bash", own.replace("%", "completions")],
  ];
  for (const [text, reason] of cases) {
    const error = assertThrows(() => read({ "web.conf": `listen 80\n\n${text}\n` }), UsageError);
    assertEquals(error.message, `balance: web.conf:3: ${reason}`);
  }
}, PURE);

t("readConfiguration() refuses an option or a port that is given twice, also in two files", () => {
  const duplicate = (files: Readonly<Record<string, string>>) =>
    assertThrows(() => read(files), UsageError).message;
  assertEquals(
    duplicate({ "web.conf": "grace 1\nx:80\ngrace 1\n" }),
    "balance: web.conf:3: duplicate option 'grace', first given at web.conf:1",
  );
  assertEquals(
    duplicate({ "web.conf": "include a\ndebug", "a": "\ndebug\n" }),
    "balance: web.conf:2: duplicate option 'debug', first given at a:2",
  );
  assertEquals(
    duplicate({ "web.conf": "listen 80\nlisten 80" }),
    "balance: web.conf:2: duplicate option 'listen', first given at web.conf:1",
  );
  assertEquals(words({ "web.conf": "schedule rr\nschedule 1=hash\n" }).length, 2);
}, PURE);

t("readConfiguration() names the line that includes what cannot be read", () => {
  const fault = (files: Readonly<Record<string, string>>) => {
    const { message, exitCode } = assertThrows(() => read(files), ExitError);
    return [message, exitCode];
  };
  const missing = "can't read configuration file";
  assertEquals(fault({}), [`balance: ${missing} [web.conf]: No such file or directory`, 66]);
  assertEquals(
    fault({ "web.conf": "\ninclude d/a", "d/a": "include b" }),
    [`balance: d/a:1: ${missing} [d/b]: No such file or directory`, 66],
  );
  assertEquals(
    fault({ "web.conf": "x\ninclude a", "a": "include b", "b": "\ninclude web.conf" }),
    ["balance: b:2: files include each other: web.conf -> a -> b -> web.conf", 64],
  );
  assertEquals(
    fault({ "web.conf": "include web.c*" }),
    ["balance: web.conf:1: files include each other: web.conf -> web.conf", 64],
  );
}, PURE);
