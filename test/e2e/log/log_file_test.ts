/** The access log in a file: opened, reopened, shared by workers. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { linesOf, waitForLines } from "../../helpers/log/log_file.ts";
import { named, refusing } from "../../helpers/net/backends.ts";
import { ask, connect, readLine, readToEnd } from "../../helpers/net/client.ts";
import { listensOn } from "../../helpers/net/tcp_sockets.ts";
import { startBackground } from "../../helpers/program/start_background.ts";
import { runBalance, startBalance } from "../../helpers/program/start_balance.ts";
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

t("in the foreground SIGUSR2 reopens the log file, and SIGHUP ends the program", async () => {
  await using server = named("B0");
  await using place = tempDir();
  const path = `${place.path}/conn.log`;
  await using balance = await startBalance(["-f", "--log", path, "PORT", server.address], {
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
  assertEquals((await balance.stop("SIGHUP")).code, 0);
});

t("several workers log each connection once into one file", async () => {
  await using server = named("B0");
  await using place = tempDir();
  const path = `${place.path}/conn.log`;
  const argv = ["-f", "--workers", "2", "--log", path, "--log-format=json", "--log-start", "PORT"];
  await using balance = await startBalance([...argv, server.address]);
  const count = 60;
  await Promise.all(Array.from({ length: count }, () => ask(balance.port)));
  const lines = (await waitForLines(path, 2 * count)).map((line) => JSON.parse(line));
  for (const type of ["start", "end"]) {
    const ids = lines.filter((line) => line.type === type).map(({ id }) => id);
    assertEquals(ids.sort((a, b) => a - b), Array.from({ length: count }, (_, i) => i + 1));
  }
  const client = await connect(balance.port);
  await readLine(client);
  balance.kill();
  await until(() => !listensOn(balance.port, balance.pid), { what: "the listener to close" });
  await client.close();
  assertEquals((await balance.ended).code, 0);
  assertMatch(linesOf(path).at(-1) ?? "", /"reason":"client_closed"/);
});

t("logging into a named pipe does not wait for a reader", async () => {
  await using server = named("B0");
  await using place = tempDir();
  const path = `${place.path}/pipe`;
  assert((await new Deno.Command("mkfifo", { args: [path] }).output()).success);
  await using balance = await startBalance(["-f", "--log", path, "PORT", server.address]);
  assertEquals(await ask(balance.port), "B0");
  using reader = await Deno.open(path, { read: true, write: true });
  const buffer = new Uint8Array(1000);
  const count = await reader.read(buffer);
  assertMatch(new TextDecoder().decode(buffer.subarray(0, count ?? 0)), /^time=\S+ type=end id=1 /);
});

t(
  "a log file that cannot be opened ends the start with one line and exit code 73, in both modes",
  async () => {
    await using dead = refusing();
    await using place = tempDir();
    const path = `${place.path}/missing/conn.log`;
    for (const mode of [["-f"], []]) {
      const argv = [...mode, "--log", path, "PORT", dead.address];
      const { code, stdout, stderr } = await runBalance(argv);
      assertEquals([code, stdout, stderr], [
        73,
        "",
        `balance: can't open log file [${path}]: No such file or directory\n`,
      ]);
    }
    const { code, stderr } = await runBalance(["-f", "--log-start", "PORT", dead.address]);
    assertEquals([code, stderr], [64, "balance: --log-start needs --log\n"]);
  },
);

t("a connection that is still open is logged only with --log-start", async () => {
  await using server = named("B0");
  await using place = tempDir();
  const path = `${place.path}/conn.log`;
  const argv = ["-f", "--log", path, "--log-start", "PORT", server.address];
  await using balance = await startBalance(argv);
  await using client = await connect(balance.port);
  await readLine(client);
  assertMatch(
    (await waitForLines(path, 1))[0] ?? "",
    /^time=\S+ type=start id=1 client=\S+ listener=/,
  );
  await client.closeWrite();
  await readToEnd(client);
  await waitForLines(path, 2);
});
