/** The systemd unit as delivered, run by a real systemd. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { echo, named, namedBackends } from "../../helpers/net/backends.ts";
import { ask, connect, readLine, readText } from "../../helpers/net/client.ts";
import { freePort } from "../../helpers/net/ports.ts";
import { WORKERS } from "../../helpers/program/program.ts";
import {
  readmeCommands,
  startSystemd,
  type Systemd,
  systemdObstacle,
} from "../../helpers/systemd/start_systemd.ts";
import { exists } from "../../helpers/temp_dir.ts";
import { skip, sleep, t, until } from "../../helpers/t.ts";

const UNIT = "balance@web.service";
const reason = await systemdObstacle();

/** Registers a test with a running systemd. */
function withSystemd(name: string, fn: (systemd: Systemd) => Promise<void>): void {
  if (reason !== undefined) return skip(name, reason);
  t(name, async () => {
    await using systemd = await startSystemd();
    await fn(systemd);
  });
}

/** Writes the file of an instance, without the number of workers. */
async function configure(
  systemd: Systemd,
  lines: readonly string[],
  instance = "web",
): Promise<void> {
  const all = WORKERS > 1 ? [`workers ${WORKERS}`, ...lines] : lines;
  await Deno.writeTextFile(systemd.path(`/etc/balance/${instance}.conf`), `${all.join("\n")}\n`);
}

/** Runs systemctl; the test fails if it fails. */
async function systemctl(systemd: Systemd, ...args: string[]): Promise<void> {
  const { code, stdout, stderr } = await systemd.run("systemctl", ...args);
  assertEquals(code, 0, `${stdout}${stderr}${await systemd.journal(UNIT)}`);
}

/** Sets the time limit of systemd for a stop to a second. */
async function limitStop(systemd: Systemd): Promise<void> {
  await Deno.mkdir(systemd.path(`/etc/systemd/system/${UNIT}.d`));
  await Deno.writeTextFile(
    systemd.path(`/etc/systemd/system/${UNIT}.d/short.conf`),
    "[Service]\nTimeoutStopSec=1s\n",
  );
  await systemctl(systemd, "daemon-reload");
}

/** Waits until the unit is in a state. */
async function state(systemd: Systemd, expected: string, unit = UNIT): Promise<void> {
  let now = "";
  await until(async () => (now = await systemd.property(unit, "ActiveState")) === expected, {
    timeoutMs: 30_000,
    everyMs: 50,
    what: () => `${unit} to be ${expected}, it is ${now}`,
  });
}

/** The exit codes of the service so far, in the order of their times. */
async function exitCodes(systemd: Systemd): Promise<string[]> {
  const journal = await systemd.journal(UNIT);
  return [...journal.matchAll(/Main process exited, code=exited, status=(\d+)/g)]
    .map(([, code = ""]) => code);
}

/** Runs balance as root, with no environment but PATH; the test fails if it fails. */
async function balance(systemd: Systemd, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await systemd.run("balance", ...args);
  assertEquals([code, stderr], [0, ""], stdout);
  return stdout;
}

withSystemd("root starts, controls, reopens and stops the service", async (systemd) => {
  await using server = named("B0");
  const port = freePort();
  await configure(systemd, [
    "log /var/log/balance/web.log",
    "state /var/lib/balance/web.state",
    `listen ${port}`,
    server.address,
  ]);
  await systemctl(systemd, "start", UNIT);
  // Type=notify: it serves when the start has returned.
  assertEquals(await ask(port), "B0");
  const pid = await systemd.property(UNIT, "MainPID");
  assertMatch(await balance(systemd, "-c", "show", String(port)), /^GRP Type .*\n.* ENA /);
  assertMatch(
    await systemd.property(UNIT, "StatusText"),
    /^0 connections, 1 of 1 channel available$/,
  );

  const { stdout: limits } = await systemd.run("cat", `/proc/${pid}/limits`);
  const [, soft, hard] = /^Max open files +(\d+) +(\d+)/m.exec(limits) ?? [];
  assertEquals(soft, hard);

  const log = systemd.path("/var/log/balance/web.log");
  for (const signal of ["HUP", "USR2"]) {
    await Deno.rename(log, `${log}.1`);
    await systemctl(systemd, "kill", "--kill-whom=main", `--signal=${signal}`, UNIT);
    await until(() => exists(log), { what: `the log to be opened again after ${signal}` });
    assertEquals(await ask(port), "B0");
  }
  await systemctl(systemd, "kill", "--kill-whom=main", "--signal=USR1", UNIT);
  await systemctl(systemd, "kill", "--kill-whom=main", "--signal=QUIT", UNIT);
  await until(async () => (await systemd.journal(UNIT)).includes("GRP Type"), {
    what: "the channels in the journal",
  });
  assertEquals(await systemd.property(UNIT, "MainPID"), pid);

  // Only the service's user, and root, get in.
  const other = await systemd.run(
    ..."setpriv --reuid=65534 --regid=65534 --clear-groups".split(" ") as [string],
    ...["balance", "-c", "kill", String(port)],
  );
  assert(other.code !== 0, other.stdout);
  assertEquals(await ask(port), "B0");

  await systemctl(systemd, "stop", UNIT);
  assertEquals(await systemd.property(UNIT, "ActiveState"), "inactive");
  assertEquals(await systemd.property(UNIT, "NRestarts"), "0");
});

withSystemd("a reload applies the file, or fails with the reason", async (systemd) => {
  await using backends = namedBackends(2);
  const port = freePort(), [first = "", second = ""] = backends.addresses;
  await configure(systemd, [`listen ${port}`, first]);
  await systemctl(systemd, "start", UNIT);
  const pid = await systemd.property(UNIT, "MainPID");
  assertEquals(await ask(port), "B0");
  await configure(systemd, [`listen ${port}`, second]);
  await systemctl(systemd, "reload", UNIT);
  assertEquals(await ask(port), "B1");

  await configure(systemd, [`listen ${port}`, first, "grcae 1"]);
  assert((await systemd.run("systemctl", "reload", UNIT)).code !== 0);
  const line = `/etc/balance/web.conf:${WORKERS > 1 ? 4 : 3}: unrecognized option 'grcae'`;
  assertStringIncludes(await systemd.journal(UNIT), line);
  assertEquals(await ask(port), "B1");
  assertEquals(await systemd.property(UNIT, "ActiveState"), "active");
  assertEquals(await systemd.property(UNIT, "MainPID"), pid);
});

withSystemd("with the drop-in, a reload takes over; the service goes on", async (systemd) => {
  await using server = named("B0");
  const port = freePort();
  const { code, stderr } = await systemd.run("sh", "-euc", readmeCommands().takeover);
  assertEquals(code, 0, stderr);
  await configure(systemd, [`listen ${port}`, server.address]);
  await systemctl(systemd, "start", UNIT);
  const pids = new Set([await systemd.property(UNIT, "MainPID")]);
  for (const count of [2, 3]) {
    await systemctl(systemd, "reload", UNIT);
    assertEquals(await ask(port), "B0");
    pids.add(await systemd.property(UNIT, "MainPID"));
    assertEquals(pids.size, count);
    assertEquals(await systemd.property(UNIT, "ActiveState"), "active");
  }
  // The new program is the one that systemd watches.
  await systemctl(systemd, "kill", "--kill-whom=main", "--signal=KILL", UNIT);
  await until(async () => await systemd.property(UNIT, "NRestarts") === "1", {
    timeoutMs: 30_000,
    everyMs: 50,
    what: "a restart",
  });
  await state(systemd, "active");
  await systemctl(systemd, "stop", UNIT);
  assertEquals(await systemd.property(UNIT, "Result"), "success");
});

withSystemd("a stop that cuts off an open connection is not a failure", async (systemd) => {
  await using server = named("B0");
  const port = freePort();
  await configure(systemd, ["grace 1", `listen ${port}`, server.address]);
  await systemctl(systemd, "start", UNIT);
  await using client = await connect(port);
  assertEquals(await readLine(client), "B0");
  // So that the exit code of a success is in the journal, too.
  await systemctl(systemd, "log-level", "debug");
  await systemctl(systemd, "stop", UNIT);
  assertEquals(await systemd.property(UNIT, "ActiveState"), "inactive");
  assertEquals(await systemd.property(UNIT, "Result"), "success");
  assertEquals(await exitCodes(systemd), ["143"]);

  await systemctl(systemd, "start", UNIT);
  await balance(systemd, "-c", "kill", String(port));
  await state(systemd, "inactive");
  assertEquals(await systemd.property(UNIT, "Result"), "success");
});

withSystemd("a stop may take as long as --grace allows", async (systemd) => {
  await using server = named("B0");
  const port = freePort();
  await limitStop(systemd);
  await configure(systemd, ["grace 4", `listen ${port}`, server.address]);
  await systemctl(systemd, "start", UNIT);
  await using client = await connect(port);
  assertEquals(await readLine(client), "B0");
  await systemctl(systemd, "log-level", "debug");
  await systemctl(systemd, "stop", UNIT);
  assertEquals(await exitCodes(systemd), ["143"]);
});

withSystemd("systemd does not cut off the drain after kill", async (systemd) => {
  await using server = echo();
  const port = freePort();
  await limitStop(systemd);
  await configure(systemd, ["grace 1", `listen ${port}`, server.address]);
  await systemctl(systemd, "start", UNIT);
  await using client = await connect(port);
  assertMatch(await balance(systemd, "-c", "kill", String(port)), /1 connection/);
  // Longer than the limit, with the time that one request adds.
  await sleep(13_000);
  assertEquals(await systemd.property(UNIT, "StatusText"), "draining, 1 connection left");
  await client.send("still here");
  assertEquals(await readText(client, 10), "still here");
  await client.close();
  await state(systemd, "inactive");
  assertEquals(await systemd.property(UNIT, "Result"), "success");
  assertEquals(await systemd.property(UNIT, "NRestarts"), "0");
});

withSystemd("a crashed service is started again", async (systemd) => {
  await using server = named("B0");
  const port = freePort();
  await configure(systemd, [`listen ${port}`, server.address]);
  await systemctl(systemd, "start", UNIT);
  await systemctl(systemd, "kill", "--signal=KILL", UNIT);
  await until(async () => await systemd.property(UNIT, "NRestarts") === "1", {
    timeoutMs: 30_000,
    everyMs: 50,
    what: "a restart",
  });
  await state(systemd, "active");
  assertEquals(await ask(port), "B0");
  // In place of the socket that is left.
  assertMatch(await balance(systemd, "-c", "show", String(port)), / ENA /);
});

withSystemd("a wrong line and a missing file are not tried again", async (systemd) => {
  await configure(systemd, ["grcae 5", "listen 8080", "127.0.0.1:1"]);
  assert((await systemd.run("systemctl", "start", UNIT)).code !== 0);
  assertEquals(await systemd.property(UNIT, "ActiveState"), "failed");
  assertEquals(await systemd.property(UNIT, "NRestarts"), "0");
  assertEquals(await exitCodes(systemd), ["64"]);
  const place = "/etc/balance/web.conf:" + (WORKERS > 1 ? 2 : 1);
  assertStringIncludes(await systemd.journal(UNIT), `${place}: unrecognized option 'grcae'`);

  const mistyped = "balance@wbe.service";
  const { code, stderr } = await systemd.run("systemctl", "start", mistyped);
  assert(code !== 0);
  assertStringIncludes(stderr, "Assertion failed");
  assertEquals(await systemd.property(mistyped, "ActiveState"), "inactive");
});

withSystemd("a host name that is unknown at boot is tried until it is known", async (systemd) => {
  await using server = named("B0");
  const port = freePort();
  await configure(systemd, [`listen ${port}`, `late.example:${server.port}`]);
  // As at boot, no process waits for the start.
  await systemctl(systemd, "start", "--no-block", UNIT);
  // By default, systemd gives up after 5 starts in 10 s.
  await until(async () => (await exitCodes(systemd)).length > 6, {
    timeoutMs: 60_000,
    everyMs: 100,
    what: "the seventh start to fail",
  });
  assertEquals(new Set(await exitCodes(systemd)), new Set(["65"]));
  await Deno.writeTextFile(systemd.path("/etc/hosts"), "127.0.0.1 late.example\n", {
    append: true,
  });
  await state(systemd, "active");
  assertEquals(await ask(port), "B0");
});

withSystemd("README.md installs and starts a service, which starts at boot", async (systemd) => {
  await using server = named("B0");
  const port = freePort();
  const { start } = readmeCommands();
  const here = start.replaceAll("8080", String(port)).replace("web1:80 web2:80", server.address);
  const { code, stdout, stderr } = await systemd.run("sh", "-euc", here);
  assertEquals(code, 0, stderr);
  assertMatch(stdout, /^GRP Type .*\n.* ENA /);
  assertEquals(await ask(port), "B0");
  await systemctl(systemd, "stop", UNIT);
  await systemctl(systemd, "start", "multi-user.target");
  await state(systemd, "active");
});

withSystemd("a dump names its file in the private /tmp as root finds it", async (systemd) => {
  await using server = named("B0");
  const port = freePort();
  await configure(systemd, [`listen ${port}`, server.address]);
  await systemctl(systemd, "start", UNIT);
  const answer = await balance(systemd, "-c", "dump on /tmp/x.json", String(port));
  const [, path = ""] = /^dump on: json to \/tmp\/x\.json\n {2}file {4}(.*)\n$/.exec(answer) ?? [];
  assertMatch(path, /^\/tmp\/systemd-private-\w+-balance@web\.service-\w+\/tmp\/x\.json$/);
  assertEquals(await ask(port), "B0");
  await until(async () => (await Deno.readTextFile(systemd.path(path))).includes('"end"'), {
    what: "the dump in the named file",
  });
  assertStringIncludes(await balance(systemd, "-c", "dump", String(port)), `  file    ${path}\n`);
});

withSystemd("Debian's logrotate rotates the logs of the running services", async (systemd) => {
  await using server = named("B0");
  const port = freePort();
  const log = "/var/log/balance/web.log", dump = "/var/log/balance/web.json";
  await configure(systemd, [`log ${log}`, `dump-file ${dump}`, `listen ${port}`, server.address]);
  // An instance that does not run is no obstacle.
  await configure(systemd, ["wrong x"], "broken");
  assert((await systemd.run("systemctl", "start", "balance@broken.service")).code !== 0);
  await systemctl(systemd, "start", UNIT);
  const rotate = async () => {
    const command = "logrotate --force --state /run/logrotate.state /etc/logrotate.d/balance";
    const ended = await systemd.run("sh", "-c", command);
    assertEquals(ended, { code: 0, stdout: "", stderr: "" });
    await until(() => [log, dump].every((path) => exists(systemd.path(path))), {
      what: "new files",
    });
  };
  const lines = async (path: string) => {
    const text = await Deno.readTextFile(systemd.path(path)).catch(() => "");
    return text.split("\n").filter((line) => /type=end|"type":"end"/.test(line)).length;
  };
  assertEquals(await ask(port), "B0");
  await until(async () => await lines(log) === 1, { what: "the first line of the log" });
  await rotate();
  assertEquals(await ask(port), "B0");
  await until(async () => await lines(log) === 1, { what: "the line in the new log" });
  assertEquals(await lines(`${log}.1`), 1);
  await rotate();
  assert(exists(systemd.path(`${log}.2.gz`)));
  assertEquals((await Deno.stat(systemd.path(log))).mode! & 0o777, 0o600);
});
