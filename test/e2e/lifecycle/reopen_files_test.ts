/** Log and dump files that were moved away are reopened on SIGUSR2, and on SIGHUP without a terminal. */

import { assertEquals, assertMatch } from "@std/assert";
import { linesOf, waitForLines } from "../../helpers/log/log_file.ts";
import { named } from "../../helpers/net/backends.ts";
import { ask } from "../../helpers/net/client.ts";
import { startBackground } from "../../helpers/program/start_background.ts";
import { startBalance } from "../../helpers/program/start_balance.ts";
import { startControlled } from "../../helpers/program/start_controlled.ts";
import { t, until } from "../../helpers/t.ts";
import { exists, tempDir } from "../../helpers/temp_dir.ts";

t(
  "in the background the log file has mode 0600, is appended to, and is reopened on SIGHUP",
  async () => {
    await using server = named("B0");
    await using place = tempDir();
    const path = `${place.path}/conn.log`;
    await using balance = await startBackground(["--log", "conn.log", "PORT", server.address], {
      cwd: place.path,
    });
    // The file exists before the parent ends.
    assertEquals((Deno.statSync(path).mode ?? 0) & 0o777, 0o600);
    await ask(balance.port);
    await waitForLines(path, 1);
    Deno.renameSync(path, `${path}.1`);
    await ask(balance.port);
    await waitForLines(`${path}.1`, 2);
    balance.kill("SIGHUP");
    await until(() => exists(path), { what: "a new file" });
    await ask(balance.port);
    assertMatch((await waitForLines(path, 1))[0] ?? "", / id=3 .* by=client reason=client_closed /);
    assertEquals(linesOf(`${path}.1`).length, 2);
    balance.kill("SIGTERM");
    await balance.gone();
    await using again = await startBackground(["--log", path, "PORT", server.address]);
    await ask(again.port);
    assertEquals((await waitForLines(path, 2)).length, 2);
  },
);

t("in the foreground without a terminal, SIGUSR2 and SIGHUP reopen the log file", async () => {
  await using server = named("B0");
  await using place = tempDir();
  const path = `${place.path}/conn.log`;
  await using balance = await startBalance(["-f", "--log", path, "PORT", server.address], {
    newSession: true,
    expectStderr: /^cannot reopen log file .*\n$/,
  });
  await ask(balance.port);
  await waitForLines(path, 1);
  Deno.removeSync(path);
  balance.kill("SIGUSR2");
  await until(() => exists(path), { what: "a new file" });
  await ask(balance.port);
  await waitForLines(path, 1);
  // Without its folder, a new file cannot be created: the old one stays in use.
  Deno.renameSync(place.path, `${place.path}.moved`);
  try {
    balance.kill("SIGUSR2");
    await balance.waitForStderr(/cannot reopen log file .*keeping the old one: No such file/);
    await ask(balance.port);
    await waitForLines(`${place.path}.moved/conn.log`, 2);
  } finally {
    Deno.renameSync(`${place.path}.moved`, place.path);
  }
  balance.kill("SIGHUP");
  await until(() => exists(path), { what: "a new file after SIGHUP" });
  await ask(balance.port);
  await waitForLines(path, 1);
});

t("SIGUSR2 reopens the log file in the background, too", async () => {
  await using server = named("B0");
  using place = tempDir();
  const path = `${place.path}/conn.log`;
  await using balance = await startBackground(["--log", path, "PORT", server.address]);
  Deno.renameSync(path, `${path}.1`);
  balance.kill("SIGUSR2");
  await until(() => exists(path), { what: "a new file" });
  await ask(balance.port);
  await waitForLines(path, 1);
});

t("SIGUSR2 reopens a dump file that was moved away, and no byte is lost", async () => {
  await using server = named("B0");
  using place = tempDir();
  const path = `${place.path}/dump.json`;
  await using balance = await startControlled(["-f", "--dump-file", path, "PORT", server.address]);
  const data = (file: string) =>
    Deno.readTextFileSync(file).split("\n").filter((line) => line.includes('"type":"data"')).length;
  await ask(balance.port);
  await until(() => data(path) === 1);
  Deno.renameSync(path, `${path}.1`);
  balance.kill("SIGUSR2");
  await until(() => exists(path), { what: "a new file" });
  await ask(balance.port);
  await until(() => data(path) === 1);
  assertEquals(data(`${path}.1`), 1);
});
