/** How the service ends, fails and starts again, run by a real systemd. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { echo, named } from "../../helpers/net/backends.ts";
import { ask, connect, readLine, readText } from "../../helpers/net/client.ts";
import { freePort } from "../../helpers/net/ports.ts";
import { WORKERS } from "../../helpers/program/program.ts";
import {
  balance,
  configure,
  exitCodes,
  limitStop,
  state,
  systemctl,
  UNIT,
  withSystemd,
} from "../../helpers/systemd/unit.ts";
import { sleep, until } from "../../helpers/t.ts";

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
