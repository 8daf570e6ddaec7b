/** The access log in a file: opened, shared by workers. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { linesOf, waitForLines } from "../../helpers/log/log_file.ts";
import { named, refusing } from "../../helpers/net/backends.ts";
import { ask, connect, readLine, readToEnd } from "../../helpers/net/client.ts";
import { listensOn } from "../../helpers/net/tcp_sockets.ts";
import { runBalance, startBalance } from "../../helpers/program/start_balance.ts";
import { t, until } from "../../helpers/t.ts";
import { tempDir } from "../../helpers/temp_dir.ts";

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
