/** `--state`: what an operator changed is still there after a restart, and nothing else. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { named } from "../../helpers/net/backends.ts";
import { ask } from "../../helpers/net/client.ts";
import { talk } from "../../helpers/net/control_socket.ts";
import { deadPort, freePort } from "../../helpers/net/ports.ts";
import { runBalance } from "../../helpers/program/start_balance.ts";
import { startBackground } from "../../helpers/program/start_background.ts";
import { type Controlled, startControlled } from "../../helpers/program/start_controlled.ts";
import { runDirectory } from "../../helpers/run_directory.ts";
import { t, until } from "../../helpers/t.ts";
import { namesIn, tempDir } from "../../helpers/temp_dir.ts";

const CHANNELS = ["127.0.0.1:9", "127.0.0.1:19", "127.0.0.1:29", "!", "127.0.0.1:39"];

/** The columns of `show` up to the port, and `maxc`. */
async function table({ socket }: { socket: string }): Promise<string[]> {
  const lines = (await talk(socket, "show\n")).trimEnd().split("\n").slice(1);
  return lines.map((line) => {
    const [group, type, channel, state, address, port, , , maxc] = line.trim().split(/\s+/);
    return [`${group}.${channel}`, type, state, `${address}:${port}`, maxc].join(" ");
  });
}

/** Runs commands one after the other. */
async function run({ socket }: { socket: string }, ...commands: string[]): Promise<string> {
  return await talk(socket, commands.map((command) => `${command}\n`).join(""));
}

/** What the file has, without its owner. */
function saved(path: string): unknown {
  return JSON.parse(Deno.readTextFileSync(path)).groups;
}

for (const signal of ["SIGTERM", "SIGKILL"] as const) {
  t(`what an operator changed is there after ${signal} and a start`, async () => {
    using dir = tempDir();
    const path = `${dir.path}/web.state`;
    const argv = ["-f", "--state", path, "PORT", ...CHANNELS];
    await using first = await startControlled(argv);
    await run(first, "disable 0", "maxc 1 7", "weight 2 5", "disable 2", "create localhost 49");
    await run(first, "enable 3", "maxc 3 2", "schedule least 1", "drain 1.0", "check 1 none");
    const before = await table(first), weights = await run(first, "show --json");
    assertEquals(before, [
      "0.0 RR dis 127.0.0.1:9 0",
      "0.1 RR ENA 127.0.0.1:19 7",
      "0.2 RR dis 127.0.0.1:29 0",
      "0.3 RR ENA 127.0.0.1:49 2",
      "1.0 Lst drn 127.0.0.1:39 0",
    ]);
    // SIGKILL leaves it no time to write.
    if (signal === "SIGKILL") {
      await until(() => JSON.stringify(saved(path)).includes('"check":"none"'), {
        timeoutMs: 1000,
        what: "the file to be written within a second",
      });
    }
    await first.stop(signal);
    await using second = await startControlled(argv, { port: first.port });
    assertEquals(await table(second), before);
    assertEquals(await run(second, "show --json"), weights);
    assertEquals((Deno.lstatSync(path).mode ?? 0) & 0o777, 0o600);
    assertEquals(namesIn(dir.path), ["web.state"]);
  });
}

t("a removed channel stays removed, and one created in its place has its number", async () => {
  using dir = tempDir();
  const argv = ["-f", "--state", `${dir.path}/s`, "PORT", ...CHANNELS];
  await using first = await startControlled(argv);
  await run(first, "disable 1", "remove 1", "create 127.0.0.2 9", "create 127.0.0.3 9");
  await run(first, "disable 0", "remove 0");
  const before = await table(first);
  assertEquals(before.slice(0, 4).map((line) => line.split(" ")[3]), [
    "-:0",
    "127.0.0.2:9",
    "127.0.0.1:29",
    "127.0.0.3:9",
  ]);
  await first.stop();
  await using second = await startControlled(argv, { port: first.port });
  assertEquals((await table(second)).slice(1), before.slice(1));
  await second.stop();
  await using third = await startControlled(argv, { port: first.port });
  assertEquals(await table(third), await table(third));
  assertEquals((await table(third)).slice(1), before.slice(1));
});

t("only what the operator changed wins over a changed command line", async () => {
  using dir = tempDir();
  const start = (...channels: string[]) =>
    startControlled(["-f", "--state", `${dir.path}/s`, "PORT", ...channels]);
  await using first = await start("127.0.0.1:9:10,weight=2", "127.0.0.1:19:10,weight=2");
  await run(first, "maxc 0 3", "weight 1 7");
  await first.stop();
  await using second = await start("127.0.0.1:19:20,weight=4", "127.0.0.1:9:20,weight=4");
  const rows = JSON.parse(await run(second, "show --json"));
  const shown = rows.map((row: Record<string, unknown>) => [row.port, row.maxc, row.weight]);
  assertEquals(shown, [[19, 20, 7], [9, 3, 4]]);
});

t("a value set back to that of the command line is no longer a change", async () => {
  using dir = tempDir();
  const path = `${dir.path}/s`;
  await using balance = await startControlled(["-f", "--state", path, "PORT", ...CHANNELS]);
  await run(balance, "disable 0", "maxc 1 3", "schedule least");
  await run(balance, "save", "enable 0", "maxc 1 0", "rr", "save");
  assertEquals(saved(path), []);
});

t("a channel that was reassigned keeps its new address", async () => {
  using dir = tempDir();
  await using server = named("B0");
  const argv = ["-f", "--state", `${dir.path}/s`, "PORT", `127.0.0.1:${deadPort()}`];
  await using first = await startControlled(argv);
  await run(first, "disable 0", `assign 0 127.0.0.1 ${server.port}`, "enable 0");
  await first.stop();
  await using second = await startControlled(argv);
  assertEquals(await ask(second.port), "B0");
});

t(
  "what -a disabled is enabled again after a restart, what the operator disabled is not",
  async () => {
    using dir = tempDir();
    const argv = ["-f", "-a", "--state", `${dir.path}/s`, "PORT"];
    const channels = [`127.0.0.1:${deadPort()}`, `127.0.0.1:${deadPort()}`];
    const options = { expectStderr: "any" } as const;
    await using first = await startControlled([...argv, ...channels], options);
    await run(first, "disable 1");
    await ask(first.port);
    await until(async () => (await table(first))[0]?.includes("dis"), { what: "-a to disable it" });
    await run(first, "maxc 0 5", "save");
    await first.stop();
    await using second = await startControlled([...argv, ...channels], options);
    const states = (await table(second)).map((line) => line.split(" ")[2]);
    assertEquals(states, ["ENA", "dis"]);
  },
);

t("each thing that no longer fits is one line, and the rest is restored", async () => {
  using dir = tempDir();
  const path = `${dir.path}/s`;
  await using first = await startControlled(["-f", "--state", path, "PORT", ...CHANNELS]);
  await run(first, "maxc 0 4", "disable 1", "remove 1", "create 127.0.0.1 49", "weight 1.0 3");
  await run(first, "group 5\ncreate 127.0.0.1 59");
  await first.stop();
  const argv = ["-f", "--state", path, "--max-groups", "2", "--max-channels", "2", "PORT"];
  await using second = await startControlled([...argv, "127.0.0.1:9", "127.0.0.1:69"], {
    expectStderr: "any",
  });
  const lines = second.stderr.trimEnd().split("\n").map((line) =>
    line.replace(`balance: state file [${path}]: `, "")
  );
  assertEquals(lines, [
    "channel [127.0.0.1:19] is gone from group 0: that it was removed is dropped",
    "created channel [127.0.0.1:49] of group 0 is not created: the limit is 2 channels",
    "channel [127.0.0.1:39] is gone from group 1: what was changed on it is dropped",
    "group 5 is not restored: the limit is 2 groups",
  ]);
  assertEquals(await table(second), ["0.0 RR ENA 127.0.0.1:9 4", "0.1 RR ENA 127.0.0.1:69 0"]);
  await second.stop();
  // Nothing was changed meanwhile, so nothing was lost by the wrong command line.
  await using third = await startControlled(["-f", "--state", path, "PORT", ...CHANNELS]);
  assertEquals((await table(third)).length, 5);
});

t("a created channel that is on the command line now is not created again", async () => {
  using dir = tempDir();
  const argv = ["-f", "--state", `${dir.path}/s`, "PORT", "127.0.0.1:9"];
  await using first = await startControlled(argv);
  await run(first, "create 127.0.0.1 19");
  await first.stop();
  await using second = await startControlled([...argv, "127.0.0.1:19"], {
    expectStderr: /^balance: state file .*\[127.0.0.1:19\].* is configured now\n$/,
  });
  assertEquals(await table(second), ["0.0 RR ENA 127.0.0.1:9 0", "0.1 RR ENA 127.0.0.1:19 0"]);
});

t("in the background, with a relative path, the file is where balance was started", async () => {
  using dir = tempDir();
  using directory = runDirectory();
  const argv = ["--state", "web.state", "PORT", "127.0.0.1:9"], port = freePort();
  const options = { cwd: dir.path, rundir: directory.path, port };
  await using first = await startBackground(argv, options);
  await run(first, "disable 0");
  assertMatch(await run(first, "save"), RegExp(`saved to \\[${dir.path}/web.state\\]`));
  first.kill("SIGTERM");
  await first.gone();
  await using second = await startBackground(argv, options);
  assertEquals(await table(second), ["0.0 RR dis 127.0.0.1:9 0"]);
});

t("a successor takes over the file of a balance that drains", async () => {
  using dir = tempDir();
  using directory = runDirectory();
  await using server = named("B0");
  const port = freePort(), rundir = directory.path, path = `${dir.path}/s`;
  const argv = ["--state", path, "PORT", server.address];
  const { connect, readText } = await import("../../helpers/net/client.ts");
  await using old = await startBackground(argv, { port, rundir });
  await using client = await connect(port);
  assertEquals(await readText(client, 3), "B0\n");
  await run(old, "maxc 0 9");
  old.kill("SIGTERM");
  await until(() => Deno.readTextFileSync(path).includes('"maxc":9'), { what: "the file" });
  await using next = await startBackground(argv, { port, rundir });
  await run(next, "maxc 0 8", "save");
  await client.close();
  await old.gone();
  assertEquals(JSON.parse(Deno.readTextFileSync(path)).owner.pid, next.pid);
  assertMatch(Deno.readTextFileSync(path), /"maxc":8/);
});

t("without --state, save and forget are errors", async () => {
  await using balance: Controlled = await startControlled(["-f", "PORT", "127.0.0.1:9"]);
  const { port, rundir } = balance;
  for (const command of ["save", "forget"]) {
    const { code, stdout } = await runBalance(["--strict", "-c", command, "PORT"], {
      port,
      rundir,
    });
    assertEquals(code, 1);
    assert(stdout.startsWith("there is no state file"), stdout);
  }
});

t("a takeover carries changes over, and what was forgotten stays forgotten", async () => {
  using dir = tempDir();
  using directory = runDirectory();
  const path = `${dir.path}/s`, port = freePort(), rundir = directory.path;
  const argv = ["--state", path, "PORT", ...CHANNELS];
  await using first = await startBackground(argv, { port, rundir });
  await run(first, "disable 0", "forget", "maxc 1 7");
  await using second = await startBackground(["--takeover", ...argv], { port, rundir });
  await first.gone(15_000);
  assertEquals((await table(second)).slice(0, 2), [
    "0.0 RR dis 127.0.0.1:9 0",
    "0.1 RR ENA 127.0.0.1:19 7",
  ]);
  assertEquals(saved(path), [
    { group: 0, channels: [{ key: "127.0.0.1:19", maxc: 7 }], created: [] },
  ]);
  assertEquals(JSON.parse(Deno.readTextFileSync(path)).owner.pid, second.pid);
  // The successor writes from now on.
  await run(second, "maxc 2 3", "save");
  assertMatch(Deno.readTextFileSync(path), /"maxc":3/);
});

t("after a reload, changes are kept against the new configuration", async () => {
  using dir = tempDir();
  const file = `${dir.path}/web.conf`, path = `${dir.path}/s`;
  Deno.writeTextFileSync(file, `state ${path}\n127.0.0.1:9\n127.0.0.1:19\n`);
  const argv = ["-f", "--config", file, "PORT"];
  await using first = await startControlled(argv, { expectStderr: "any" });
  await run(first, "maxc 0 5", "weight 1 3", "create 127.0.0.1 29");
  Deno.writeTextFileSync(file, `state ${path}\n127.0.0.1:39\n127.0.0.1:9:5\n127.0.0.1:19\n`);
  assertMatch(await run(first, "reload"), /^reloaded: 1 channel added/);
  await run(first, "save");
  const before = await table(first);
  assertEquals(saved(path), [{
    group: 0,
    // Its maxc is that of the file now.
    channels: [{ key: "127.0.0.1:19", weight: 3 }],
    created: [{
      channel: 3,
      key: "127.0.0.1:29",
      host: "127.0.0.1",
      address: "127.0.0.1",
      port: 29,
      state: "disabled",
      maxc: 0,
      weight: 1,
    }],
  }]);
  await first.stop();
  await using second = await startControlled(argv);
  assertEquals(await table(second), before);
});
