/** `--state`: files that cannot be used never prevent a start, paths that cannot be written do. */

import { assertEquals, assertMatch } from "@std/assert";
import { talk } from "../../helpers/net/control_socket.ts";
import { runBalance } from "../../helpers/program/start_balance.ts";
import { startControlled } from "../../helpers/program/start_controlled.ts";
import { t, until } from "../../helpers/t.ts";
import { exists, namesIn, tempDir } from "../../helpers/temp_dir.ts";

const CHANNEL = "127.0.0.1:9";

const GOOD = `{"format":"balance state","version":1,"groups":[` +
  `{"group":0,"channels":[{"key":"${CHANNEL}","maxc":5}],"created":[]}]}`;

const FILES: Readonly<Record<string, readonly [text: string, reason: string]>> = {
  "a file of something else": ["listen 8080\n", "it is not a state file"],
  "another JSON file": ['{"version":1,"groups":[]}', "it is not a state file"],
  "a file that was cut off": [GOOD.slice(0, -20), "it is incomplete"],
  "a file of a newer release": [
    GOOD.replace('"version":1', '"version":2'),
    "version 2 is not known, only 1",
  ],
  "a maxc that is no number": [
    GOOD.replace('"maxc":5', '"maxc":"x"'),
    "maxc is not a number from -2147483648 to 2147483647",
  ],
  "a text instead of groups": [GOOD.replace(/\[.*/, '"all"}'), "groups is not a list"],
  "null": ["null", "it is not a state file"],
  "bytes": ["\0\x01\x02\x1b[2J", "it is not a state file"],
};

for (const [name, [text, reason]] of Object.entries(FILES)) {
  t(`${name}: one line, a start, and the file is kept when it is replaced`, async () => {
    using dir = tempDir();
    const path = `${dir.path}/s`;
    Deno.writeTextFileSync(path, text);
    await using balance = await startControlled(["-f", "--state", path, "PORT", CHANNEL], {
      expectStderr: "any",
    });
    await balance.waitForStderr(/\n/);
    assertEquals(
      balance.stderr,
      `balance: can't use state file [${path}]: ${reason}; nothing is restored, ` +
        `the next change moves it to [${path}.bad]\n`,
    );
    assertEquals(Deno.readTextFileSync(path), text);
    await talk(balance.socket, "maxc 0 6\n");
    await until(() => exists(`${path}.bad`) && exists(path), { timeoutMs: 1000 });
    assertEquals(Deno.readTextFileSync(`${path}.bad`), text);
    assertMatch(Deno.readTextFileSync(path), /"maxc":6/);
  });
}

t("an empty file is like none", async () => {
  using dir = tempDir();
  Deno.writeTextFileSync(`${dir.path}/s`, "");
  await using balance = await startControlled(["-f", "--state", `${dir.path}/s`, "PORT", CHANNEL]);
  await talk(balance.socket, "maxc 0 6\nsave\n");
  assertEquals(namesIn(dir.path), ["s"]);
});

t("a path that cannot be written is an error at the start, with 73", async () => {
  using dir = tempDir();
  Deno.mkdirSync(`${dir.path}/directory`);
  const paths = {
    [`${dir.path}/none/s`]: "No such file or directory",
    [`${dir.path}/directory`]: "it is not a regular file",
    "/proc/s": "not allowed below /dev, /proc and /sys",
  };
  for (const [path, reason] of Object.entries(paths)) {
    const { code, stderr } = await runBalance(["-f", "--state", path, "PORT", CHANNEL]);
    assertEquals([code, stderr], [73, `balance: can't write state file [${path}]: ${reason}\n`]);
  }
  const { code, stderr } = await runBalance(["-f", "--state", "", "PORT", CHANNEL]);
  assertEquals([code, stderr.split("\n")[0]], [64, "balance: invalid --state []: want a file"]);
});

t("two balances on different ports cannot use the same file", async () => {
  using dir = tempDir();
  const path = `${dir.path}/s`, argv = ["-f", "--state", path, "PORT", CHANNEL];
  await using first = await startControlled(argv);
  await talk(first.socket, "maxc 0 6\nsave\n");
  const before = Deno.readTextFileSync(path), { rundir, port, pid } = first;
  for (const more of [[], ["--test"]]) {
    const { code, stderr } = await runBalance([...more, ...argv], { rundir });
    assertEquals(code, 69);
    assertEquals(
      stderr,
      `balance: can't use state file [${path}]: ` +
        `process ${pid} listens on 0.0.0.0:${port} and uses it\n`,
    );
  }
  assertEquals(Deno.readTextFileSync(path), before);
  await first.stop("SIGKILL");
  // It is free again, also after a crash.
  await using second = await startControlled(argv, { env: { BALANCE_RUNDIR: rundir } });
  assertEquals(JSON.parse(Deno.readTextFileSync(path)).owner.pid, second.pid);
});

t("a balance that cannot see another one notices that its file has a new owner", async () => {
  using dir = tempDir();
  const path = `${dir.path}/s`, argv = ["-f", "--state", path, "PORT", CHANNEL];
  // Each has a run directory of its own, as in two containers.
  await using first = await startControlled(argv, { expectStderr: "any" });
  await using second = await startControlled(argv);
  await talk(second.socket, "maxc 0 6\nsave\n");
  await talk(first.socket, "maxc 0 7\n");
  await first.waitForStderr(
    /belongs to process \d+, which listens on .*: changes are no longer saved here/,
  );
  assertMatch(await talk(first.socket, "save\n"), /^state file .* belongs to process/);
  assertMatch(Deno.readTextFileSync(path), /"maxc":6/);
});

t("while the directory is gone, one line; when it is back, the file is written again", async () => {
  using dir = tempDir();
  const inner = `${dir.path}/d`, path = `${inner}/s`;
  Deno.mkdirSync(inner);
  await using balance = await startControlled(["-f", "--state", path, "PORT", CHANNEL], {
    expectStderr: "any",
  });
  Deno.removeSync(inner, { recursive: true });
  await talk(balance.socket, "maxc 0 6\n");
  await balance.waitForStderr(/can't write state file .*: No such file.*; changes are not saved\n/);
  assertMatch(await talk(balance.socket, "save\n"), /^can't write state file /);
  Deno.mkdirSync(inner);
  await talk(balance.socket, "maxc 0 7\n");
  await balance.waitForStderr(/state file .* is written again\n/, 10_000);
  assertMatch(Deno.readTextFileSync(path), /"maxc":7/);
});

t("forget removes the file; what is changed after it is kept again, and only that", async () => {
  using dir = tempDir();
  const path = `${dir.path}/s`, argv = ["-f", "--state", path, "PORT", CHANNEL, "127.0.0.1:19"];
  await using first = await startControlled(argv);
  await talk(first.socket, "maxc 0 6\ndisable 1\nsave\n");
  assertMatch(await talk(first.socket, "forget\n"), /^forgot \[.*\]: the changes so far stay/);
  assertEquals(exists(path), false);
  assertMatch(await talk(first.socket, "show\n"), / dis .* 19 /);
  await talk(first.socket, "weight 0 4\nsave\n");
  await first.stop();
  await using second = await startControlled(argv);
  const rows = JSON.parse(await talk(second.socket, "show --json\n"));
  const shown = rows.map((row: Record<string, unknown>) => [row.state, row.maxc, row.weight]);
  assertEquals(shown, [["enabled", 0, 4], ["enabled", 0, 1]]);
});
