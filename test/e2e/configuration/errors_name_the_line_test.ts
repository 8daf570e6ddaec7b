/** An administrator makes mistakes in a configuration file: one line names file, line and value. */

import { assertEquals } from "@std/assert";
import { pool } from "../../helpers/pool.ts";
import { freePort } from "../../helpers/net/ports.ts";
import { runBalance } from "../../helpers/program/start_balance.ts";
import { t } from "../../helpers/t.ts";
import { tempDir } from "../../helpers/temp_dir.ts";

/** A file, the exit code, and what follows the name of the program. */
type Case = readonly [text: string | Uint8Array<ArrayBuffer>, code: number, line: string];

const START = "listen {port}\n# a comment\n", GOOD = "127.0.0.1:9\n";
const RANGE = "neither the name of a TCP service nor a number from 0 to 65535";

const cases: readonly Case[] = [
  ["listen 0\n", 64, "web.conf:1: invalid port [0], exiting."],
  [
    `\nlisten smpt\n${GOOD}`,
    64,
    "web.conf:2: invalid port [smpt], exiting. (did you mean smtp?)",
  ],
  [
    `${START}${GOOD}grcae 5\n`,
    64,
    "web.conf:4: unrecognized option 'grcae' [5] (did you mean grace?)",
  ],
  [
    `${START}grace 1\n${GOOD}grace 2\n`,
    64,
    "web.conf:5: duplicate option 'grace', first given at web.conf:3",
  ],
  [`${START}grace x\n`, 64, "web.conf:3: invalid --grace [x]: not a number from 0 to 86400"],
  [
    `${START}127.0.0.1:x\n`,
    64,
    `web.conf:3: invalid port [x] in channel [127.0.0.1:x]: ${RANGE}, exiting.`,
  ],
  [
    `${START}127.0.0.1:1,wieght=2\n`,
    64,
    "web.conf:3: channel [127.0.0.1:1,wieght=2]: " +
    "invalid attribute [wieght=2]: unknown key (did you mean weight?)",
  ],
  [`${START}${GOOD}!\n!\n`, 69, "web.conf:5: no channels in group"],
  [
    `${START}max-channels 1\n${GOOD}${GOOD}`,
    64,
    "web.conf:5: MAXCHANNELS exceeded..., raise the limit of 1 with --max-channels",
  ],
  [
    `${START}max-groups 1\n${GOOD}!\n${GOOD}`,
    64,
    "web.conf:6: MAXGROUPS exceeded..., raise the limit of 1 with --max-groups",
  ],
  [`${START}${GOOD}no.invalid:80\n`, 65, "web.conf:4: unknown or invalid address [no.invalid]"],
  [
    `${START}hash-falover.invalid\nhash-falover\n`,
    65,
    "web.conf:3: unknown or invalid address [hash-falover.invalid]",
  ],
  [
    `${START}foregruond\n`,
    65,
    "web.conf:3: unknown or invalid address [foregruond]: " +
    "no such host; did you mean the option foreground?",
  ],
  [`bind no.invalid\n${START}${GOOD}`, 65, "web.conf:1: unknown or invalid address [no.invalid]"],
  [
    `${START}bind 192.0.2.1\n${GOOD}`,
    69,
    "web.conf:3: can't bind local address 192.0.2.1:{port}: cannot assign requested address: " +
    "192.0.2.1 is not an address of this host",
  ],
  [
    `listen {taken}\n${GOOD}`,
    69,
    "web.conf:1: can't bind local address 0.0.0.0:{taken}: address already in use",
  ],
  [
    `${START}metrics 127.0.0.1:{taken}\n${GOOD}`,
    69,
    "web.conf:3: can't bind metrics address 127.0.0.1:{taken}: address already in use",
  ],
  [
    `${START}metrics 127.0.0.1:x\n${GOOD}`,
    64,
    "web.conf:3: invalid --metrics [127.0.0.1:x]: want [ADDR:]PORT, an IPv6 address in brackets",
  ],
  [`${START}metrics no.invalid:1\n`, 65, "web.conf:3: unknown or invalid address [no.invalid]"],
  [
    `${START}log /missing/log\n${GOOD}`,
    73,
    "web.conf:3: can't open log file [/missing/log]: No such file or directory",
  ],
  [
    `${START}pid-file /missing/pid\n${GOOD}`,
    73,
    "web.conf:3: can't write pid file [/missing/pid]: No such file or directory",
  ],
  [
    `${START}dump-file /missing/dump\n${GOOD}`,
    73,
    "web.conf:3: cannot write dump file [/missing/dump]: No such file or directory",
  ],
  [`${START}log-format json\n${GOOD}`, 64, "web.conf:3: --log-format needs --log"],
  [GOOD, 64, "web.conf: the port is missing (want listen PORT)"],
  ["\uFEFFlisten 80\n", 64, "web.conf:1: starts with a byte order mark, remove it"],
  [
    `${START}${GOOD.replace("\n", "\r\n")}`,
    64,
    "web.conf:3: contains a carriage return: lines end with LF, not CR LF",
  ],
  [`${START}a\0b\n`, 64, "web.conf:3: contains a null byte, so this is not a text file"],
  [new Uint8Array([35, 10, 255, 10]), 64, "web.conf:2: not UTF-8 text"],
  [
    `${START}\x1b[2J x\n`,
    64,
    "web.conf:3: invalid line [\\x1b[2J x]: want one channel or separator on each line",
  ],
  [
    `${START}include missing\n`,
    66,
    "web.conf:3: can't read configuration file [missing]: No such file or directory",
  ],
  [`${START}include web.conf\n`, 64, "web.conf:3: files include each other: web.conf -> web.conf"],
];

/** Runs each file with some options, and compares what it prints. */
async function assertErrors(...options: string[]): Promise<void> {
  using taken = Deno.listen({ hostname: "0.0.0.0", port: 0 });
  await pool(cases, { limit: 3, name: ([, , line]) => line }, async ([text, code, line]) => {
    using dir = tempDir();
    const port = freePort(), { port: other } = taken.addr as Deno.NetAddr;
    const put = (words: string) =>
      words.replaceAll("{port}", String(port)).replaceAll("{taken}", String(other));
    const content = typeof text === "string" ? new TextEncoder().encode(put(text)) : text;
    await Deno.writeFile(`${dir.path}/web.conf`, content);
    const argv = ["--config", "web.conf", ...options];
    const ended = await runBalance(argv, { cwd: dir.path });
    assertEquals([ended.code, ended.stdout, ended.stderr], [code, "", `balance: ${put(line)}\n`]);
  });
}

t("errors at a start in the foreground name file, line and value", () => assertErrors("-f"));
t("errors at a start in the background do, too", () => assertErrors());
t("--test ends with the same messages and exit codes", () => assertErrors("--test"));

t("a file that cannot be read is exit code 66, with the reason", async () => {
  using dir = tempDir();
  const run = async (path: string) => {
    const { code, stderr } = await runBalance(["--config", path], { cwd: dir.path });
    return [code, stderr];
  };
  const message = (path: string, reason: string) =>
    `balance: can't read configuration file [${path}]: ${reason}\n`;
  assertEquals(await run("none"), [66, message("none", "No such file or directory")]);
  assertEquals(await run("."), [66, message(".", "Is a directory")]);
  assertEquals(await run("/dev/null"), [66, message("/dev/null", "not a regular file")]);
  await Deno.symlink("loop", `${dir.path}/loop`);
  assertEquals((await run("loop"))[0], 66);
  await Deno.writeTextFile(`${dir.path}/large`, "#".repeat(2 << 20));
  assertEquals(await run("large"), [66, message("large", "larger than 1048576 bytes")]);
  assertEquals(await run(""), [64, "invalid --config []: want a file\n"]);
  if (Deno.uid() === 0) return;
  await Deno.writeTextFile(`${dir.path}/secret`, "", { mode: 0 });
  assertEquals(await run("secret"), [66, message("secret", "Permission denied")]);
});
