/** An administrator starts and controls balance with a configuration file. */

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { namedBackends } from "../../helpers/net/backends.ts";
import { ask } from "../../helpers/net/client.ts";
import { freePort } from "../../helpers/net/ports.ts";
import { startBackground } from "../../helpers/program/start_background.ts";
import { runBalance } from "../../helpers/program/start_balance.ts";
import { startControlled } from "../../helpers/program/start_controlled.ts";
import { startConfigured } from "../../helpers/reload/start_configured.ts";
import { t, until } from "../../helpers/t.ts";
import { exists, tempDir } from "../../helpers/temp_dir.ts";

t("a file has port, address, options and channels; -c and -i find the program by it", async () => {
  using dir = tempDir();
  await using backends = namedBackends(2);
  const port = freePort(), file = `${dir.path}/web.conf`;
  await Deno.writeTextFile(
    file,
    `# two servers
listen ${port}
bind   127.0.0.1     # one address
connect-timeout 1
log\t${dir.path}/access log#1
schedule first
include web.d/*.conf
`,
  );
  await Deno.mkdir(`${dir.path}/web.d`);
  const [first = "", second = ""] = backends.addresses;
  // 10 comes before 9 by name.
  await Deno.writeTextFile(`${dir.path}/web.d/9.conf`, `${second}:5\n`);
  await Deno.writeTextFile(`${dir.path}/web.d/10.conf`, `${first}\n!`);
  await Deno.writeTextFile(`${dir.path}/web.d/9.conf~`, "nonsense x\n");
  const argv = ["-f", "--config", file];
  await using balance = await startControlled(argv, { port, address: "127.0.0.1" });
  assertEquals(await ask(port), "B0");
  await until(() => exists(`${dir.path}/access log#1`), { what: "the log" });
  const { rundir } = balance;
  const shown = await runBalance(["-c", "show", "--config", file], { rundir });
  assertEquals([shown.code, shown.stderr], [0, ""]);
  assertMatch(shown.stdout, /^GRP .*\n +0 +\S+ +0 ENA .*\n +1 +\S+ +0 ENA .* 5 +0 +0\n$/);
  const shell = await runBalance(["-i", "--config", file], {
    rundir,
    stdin: { text: "version\n" },
  });
  assertEquals([shell.code, shell.stderr], [0, ""]);
  assertStringIncludes(shell.stdout, "balance[0] ");
  // A file that is being edited does not keep the administrator out.
  await Deno.writeTextFile(file, `nonsense x\ngrace x\nlisten ${port}\nbind 127.0.0.1\n`);
  assertEquals(
    (await runBalance(["-c", "show", "--config", file], { rundir })).stdout,
    shown.stdout,
  );
});

t("the command line wins over the file, and adds channels", async () => {
  using dir = tempDir();
  await using backends = namedBackends(2);
  const [first = "", second = ""] = backends.addresses, file = `${dir.path}/web.conf`;
  await Deno.writeTextFile(file, `listen 1\nbind 192.0.2.1\nmax-channels 1\n${first}\n`);
  await using balance = await startControlled(
    ["--config", file, "-b", "127.0.0.1", "-f", "PORT", "!", second],
    { address: "127.0.0.1" },
  );
  assertEquals(await ask(balance.port), "B0");
  const { rundir, port } = balance;
  const argv = ["-c", "disable 0; show", "--config", file, "--bind=127.0.0.1", String(port)];
  assertMatch((await runBalance(argv, { rundir })).stdout, / 1 +\S+ +0 ENA /);
  assertEquals(await ask(port), "B1");
});

t("a check of one channel may run a program with arguments", async () => {
  await using backends = namedBackends(2);
  const checked = (address: string | undefined, result: string) =>
    `${address},weight=2,check=exec:/usr/bin/test ok = ${result}`;
  const [first, second] = backends.addresses;
  await using configured = await startConfigured([
    "fall 1",
    checked(first, "failed"),
    checked(second, "ok"),
  ]);
  await until(async () => / 0\.0 +.* down /.test(await configured.control("checks")), {
    what: () => configured.balance.stderr,
  });
  assertEquals(await ask(configured.balance.port), "B1");
});

t("a relative path works in the background, also for files in it", async () => {
  using dir = tempDir();
  await using backends = namedBackends(1);
  const port = freePort();
  await Deno.mkdir(`${dir.path}/etc`);
  const lines = [`listen ${port}`, "include more", "pid-file web.pid", "log logs/web.log"];
  await Deno.writeTextFile(`${dir.path}/etc/web.conf`, `${lines.join("\n")}\n`);
  await Deno.writeTextFile(`${dir.path}/etc/more`, `${backends.addresses[0]}\n`);
  await Deno.mkdir(`${dir.path}/logs`);
  const options = { port, cwd: dir.path };
  await using balance = await startBackground(["--config", "etc/web.conf"], options);
  assertEquals([balance.parent.stdout, balance.parent.stderr], ["", ""]);
  assertEquals(await ask(port), "B0");
  assertEquals(await Deno.readTextFile(`${dir.path}/web.pid`), `${balance.pid}\n`);
  assertEquals(exists(`${dir.path}/logs/web.log`), true);
});

t("the engine may be named in the file", async () => {
  if (Deno.build.os !== "linux") return;
  using dir = tempDir();
  await using backends = namedBackends(1);
  const file = `${dir.path}/web.conf`;
  await Deno.writeTextFile(file, `engine epoll\nworkers 2\n${backends.addresses[0]}\n`);
  await using balance = await startControlled(["-f", "--config", file, "PORT"]);
  assertEquals(await ask(balance.port), "B0");
  const argv = ["-c", "version", String(balance.port)];
  assertStringIncludes((await runBalance(argv, { rundir: balance.rundir })).stdout, "epoll");
});
