/** The systemd unit as delivered, run by a real systemd. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { named, namedBackends } from "../../helpers/net/backends.ts";
import { ask } from "../../helpers/net/client.ts";
import { freePort } from "../../helpers/net/ports.ts";
import { WORKERS } from "../../helpers/program/program.ts";
import { readmeCommands } from "../../helpers/systemd/start_systemd.ts";
import {
  balance,
  configure,
  state,
  systemctl,
  UNIT,
  withSystemd,
} from "../../helpers/systemd/unit.ts";
import { exists } from "../../helpers/temp_dir.ts";
import { until } from "../../helpers/t.ts";

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

withSystemd("with the drop-in, a reload takes over; the service keeps running", async (systemd) => {
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
