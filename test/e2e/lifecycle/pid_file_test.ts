/** `--pid-file`: the process ID, for scripts and init systems. */

import { assertEquals, assertMatch } from "@std/assert";
import { named } from "../../helpers/net/backends.ts";
import { connect, readText } from "../../helpers/net/client.ts";
import { freePort } from "../../helpers/net/ports.ts";
import { listensOn } from "../../helpers/net/tcp_sockets.ts";
import { startBackground } from "../../helpers/program/start_background.ts";
import { runBalance } from "../../helpers/program/start_balance.ts";
import { startControlled } from "../../helpers/program/start_controlled.ts";
import { t, until } from "../../helpers/t.ts";
import { exists, namesIn, tempDir } from "../../helpers/temp_dir.ts";

const DEAD = "127.0.0.1:9";
const modeOf = (path: string) => (Deno.lstatSync(path).mode ?? 0) & 0o7777;

t("in the background the file has the ID of the process that serves, until it ends", async () => {
  using dir = tempDir();
  const path = `${dir.path}/web.pid`;
  await using balance = await startBackground(["--pid-file", path, "PORT", DEAD]);
  assertEquals(Deno.readTextFileSync(path), `${balance.pid}\n`);
  assertEquals([modeOf(path), namesIn(dir.path)], [0o644, ["web.pid"]]);
  balance.kill("SIGTERM");
  await balance.gone();
  assertEquals(namesIn(dir.path), []);
});

t("a relative path is relative to the directory where balance was started", async () => {
  using dir = tempDir();
  const path = `${dir.path}/web.pid`;
  await using balance = await startBackground(["--pid-file", "web.pid", "PORT", DEAD], {
    cwd: dir.path,
  });
  assertEquals(Deno.readTextFileSync(path), `${balance.pid}\n`);
  balance.kill("SIGTERM");
  await balance.gone();
  assertEquals(exists(path), false);
});

t("the file of an earlier run is replaced, and a link is not followed", async () => {
  using dir = tempDir();
  const path = `${dir.path}/web.pid`, target = `${dir.path}/target`;
  Deno.writeTextFileSync(target, "precious\n");
  for (
    const make of [() => Deno.writeTextFileSync(path, "1\n"), () => Deno.symlinkSync(target, path)]
  ) {
    make();
    await using balance = await startControlled(["-f", "--pid-file", path, "PORT", DEAD]);
    assertEquals([Deno.readTextFileSync(path), modeOf(path)], [`${balance.pid}\n`, 0o644]);
    assertEquals((await balance.stop()).code, 0);
    assertEquals(exists(path), false);
  }
  assertEquals(Deno.readTextFileSync(target), "precious\n");
});

t("a balance that drains does not remove the file of its successor", async () => {
  using dir = tempDir();
  await using server = named("B0");
  const path = `${dir.path}/web.pid`;
  const argv = ["--pid-file", path, "PORT", server.address];
  await using old = await startBackground(argv);
  const { port, rundir } = old;
  await using client = await connect(port);
  assertEquals(await readText(client, 3), "B0\n");
  old.kill("SIGTERM");
  await until(() => !listensOn(port), { what: "the port to be free" });
  assertEquals(Deno.readTextFileSync(path), `${old.pid}\n`);
  await using next = await startBackground(argv, { port, rundir });
  await client.close();
  await old.gone();
  assertEquals(Deno.readTextFileSync(path), `${next.pid}\n`);
});

t("a start that fails does not touch the file of the running balance", async () => {
  using dir = tempDir();
  const path = `${dir.path}/web.pid`;
  await using balance = await startControlled(["-f", "--pid-file", path, "PORT", DEAD]);
  const { port, rundir } = balance;
  const { code } = await runBalance(["--pid-file", path, "PORT", DEAD], { port, rundir });
  assertEquals([code, Deno.readTextFileSync(path)], [69, `${balance.pid}\n`]);
});

t("a file that cannot be written ends the start with one line and exit code 73", async () => {
  using dir = tempDir();
  const port = freePort();
  const cases: [path: string, reason: RegExp][] = [
    [`${dir.path}/none/web.pid`, /: No such file or directory\n$/],
    [dir.path, /: it is not a regular file\n$/],
    ["/dev/null", /: it is not a regular file\n$/],
    ["/proc/web.pid", /can't write pid file \[\/proc\/web.pid\]: [^\n]+\n$/],
  ];
  for (const [path, reason] of cases) {
    for (const mode of [["-f"], []]) {
      const { code, stdout, stderr } = await runBalance(
        [...mode, "--pid-file", path, "PORT", DEAD],
        {
          port,
        },
      );
      assertEquals([code, stdout], [73, ""], path);
      assertMatch(stderr, /^balance: can't write pid file [^\n]*\n$/);
      assertMatch(stderr, reason);
    }
  }
  assertEquals(namesIn(dir.path), []);
});

t("an empty name is refused as a wrong command line", async () => {
  const { code, stderr } = await runBalance(["-f", "--pid-file", "", "PORT", "127.0.0.1:9"]);
  assertEquals([code, stderr], [64, "balance: invalid --pid-file []: want a file\n"]);
});
