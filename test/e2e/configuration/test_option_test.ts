/** `--test` reports whether a start would succeed, and has no effect. */

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { namedBackends } from "../../helpers/net/backends.ts";
import { ask } from "../../helpers/net/client.ts";
import { freePort } from "../../helpers/net/ports.ts";
import { programBindsSource } from "../../helpers/program/binds_source.ts";
import { isAlive } from "../../helpers/program/process.ts";
import { type Ended, runBalance } from "../../helpers/program/start_balance.ts";
import { startControlled } from "../../helpers/program/start_controlled.ts";
import { skip, t } from "../../helpers/t.ts";
import { exists, namesIn, tempDir } from "../../helpers/temp_dir.ts";

const FOLDER = new URL("../../../scripts/package/", import.meta.url).pathname;
const GOOD = "127.0.0.1:9";
const bindsSource = await programBindsSource();

const result = ({ code, stdout, stderr }: Ended) => [code, stdout, stderr];

t("--test succeeds silently and creates nothing", async () => {
  using dir = tempDir();
  const files = ["log", "pid-file", "dump-file", "state"].map((name) => `${name} ${name}.txt`);
  const lines = ["listen PORT", ...files, `metrics ${freePort()}`, GOOD];
  if (bindsSource) lines.push("source 127.0.0.1");
  const port = freePort();
  const text = `${lines.join("\n")}\n`.replace("PORT", String(port));
  await Deno.writeTextFile(`${dir.path}/web.conf`, text);
  const options = { cwd: dir.path, rundir: `${dir.path}/run` };
  for (const argv of [[], ["-f"], ["--engine", "epoll"], ["--workers", "2"]]) {
    assertEquals(result(await runBalance(["--test", "--config", "web.conf", ...argv], options)), [
      0,
      "",
      "",
    ]);
  }
  assertEquals(result(await runBalance(["--test", String(port), GOOD], options)), [0, "", ""]);
  assertEquals(namesIn(dir.path), ["web.conf"]);
  // It is not in the way of a start.
  const { code } = await runBalance(["--test", "-f", "--log", "x", String(port), GOOD], options);
  assertEquals([code, exists(`${dir.path}/x`)], [0, false]);
});

t("--test neither disturbs a running balance nor touches its files", async () => {
  using dir = tempDir();
  await using backends = namedBackends(1);
  const log = `${dir.path}/log`, pidFile = `${dir.path}/pid`;
  const argv = ["--log", log, "--pid-file", pidFile, "PORT", ...backends.addresses];
  await using balance = await startControlled(["-f", ...argv]);
  const { port, rundir } = balance;
  const before = [namesIn(rundir), await Deno.readTextFile(pidFile)];
  const ended = await runBalance(["--test", ...argv], { port, rundir });
  const line = `balance: can't bind local address 0.0.0.0:${port}: address already in use`;
  const hint = "(a balance runs there: test a reload or takeover with --takeover --test)";
  assertEquals(result(ended), [69, "", `${line} ${hint}\n`]);
  // A start has the message of 3.35.
  const started = await runBalance(["-f", "PORT", GOOD], { port, rundir });
  assertEquals(result(started), [69, "", `${line}\n`]);
  const other = freePort();
  assertEquals(result(await runBalance(["--test", ...argv], { port: other, rundir })), [0, "", ""]);
  assertEquals([namesIn(rundir), await Deno.readTextFile(pidFile)], before);
  assertEquals(await Deno.readTextFile(log), "");
  assertEquals(await ask(port), "B0");
});

t("--takeover --test accepts the addresses of a running balance of this user", async () => {
  await using backends = namedBackends(1);
  const argv = ["--metrics", String(freePort()), "PORT", ...backends.addresses];
  await using balance = await startControlled(["-f", ...argv]);
  const { port, rundir, pid } = balance;
  const tested = ["--takeover", "--test", ...argv];
  assertEquals(result(await runBalance(tested, { port, rundir })), [0, "", ""]);
  assertEquals(await ask(port), "B0");
  assertMatch((await runBalance(["-c", "version", "PORT"], { port, rundir })).stdout, /./);
  // A program that is no balance does not hand over its address.
  using other = Deno.listen({ hostname: "0.0.0.0", port: 0 });
  const taken = (other.addr as Deno.NetAddr).port;
  const { code, stderr } = await runBalance(tested, { port: taken, rundir });
  assertEquals(code, 69);
  assertStringIncludes(
    stderr,
    `address already in use (to take it over, looked for balance.${taken}.0.0.0.0 in ${rundir}; ` +
      `no balance answers on port ${taken})`,
  );
  assertEquals(isAlive(pid), true);
});

t("--test has the message and the exit code of the start", async () => {
  using dir = tempDir();
  await Deno.mkdir(`${dir.path}/folder`);
  await Deno.writeTextFile(`${dir.path}/file`, "");
  const cases: string[][] = [
    ["PORT", "no.invalid"],
    ["0", GOOD],
    ["--wrong", "PORT", GOOD],
    ["-B", "192.0.2.1", "PORT", GOOD],
    ["-b", "192.0.2.1", "PORT", GOOD],
    ["--metrics", "192.0.2.1:1", "PORT", GOOD],
    ["--log", "folder", "PORT", GOOD],
    ["--log", "none/log", "PORT", GOOD],
    ["--log", "file/log", "PORT", GOOD],
    ["--log=", "PORT", GOOD],
    ["--log-start", "PORT", GOOD],
    ["--pid-file", "folder", "PORT", GOOD],
    ["--pid-file", "none/pid", "PORT", GOOD],
    ["--pid-file=", "PORT", GOOD],
    ["--dump-file", "none/x.txt", "PORT", GOOD],
    ["--dump-file", "folder", "PORT", GOOD],
    ["--state", "folder", "PORT", GOOD],
    ["--state", "none/state", "PORT", GOOD],
    ["--state=", "PORT", GOOD],
    ...["--log", "--pid-file", "--dump-file", "--state"].map((
      one,
    ) => [one, "/proc/x", "PORT", GOOD]),
    ["-p", "PORT", GOOD],
    ["PORT", "!", GOOD],
  ];
  const port = freePort();
  for (const argv of cases) {
    const started = await runBalance(argv, { cwd: dir.path, port });
    const tested = await runBalance(["--test", ...argv], { cwd: dir.path, port });
    assertEquals(started.code === 0, false, argv.join(" "));
    assertEquals(result(tested), result(started), argv.join(" "));
  }
  assertEquals(namesIn(dir.path).toSorted(), ["file", "folder"]);
});

t("--test reports that there is no place for the control socket", async () => {
  using dir = tempDir();
  await Deno.mkdir(`${dir.path}/open`);
  await Deno.chmod(`${dir.path}/open`, 0o777);
  await Deno.writeTextFile(`${dir.path}/file`, "");
  const port = freePort();
  for (const name of ["open", "none/run", "file", "x".repeat(120)]) {
    const options = { port, rundir: `${dir.path}/${name}` };
    const started = await runBalance(["-f", "PORT", GOOD], options);
    assertEquals(started.code, 73, started.stderr);
    const tested = await runBalance(["--test", "PORT", GOOD], options);
    assertEquals(result(tested), result(started));
  }
});

const UNWRITABLE = "--test reports that a directory takes no files";
if (Deno.uid() === 0) skip(UNWRITABLE, "root may write everywhere");
else {
  t(UNWRITABLE, async () => {
    using dir = tempDir();
    await Deno.mkdir(`${dir.path}/closed`, { mode: 0o500 });
    for (const option of ["--log", "--pid-file", "--dump-file", "--state"]) {
      const argv = [option, `${dir.path}/closed/x.txt`, "PORT", GOOD], port = freePort();
      const started = await runBalance(argv, { port });
      assertEquals(result(await runBalance(["--test", ...argv], { port })), result(started));
    }
  });
}

t("the packaged example passes, and so does every option that is off in it", async () => {
  using dir = tempDir();
  const text = await Deno.readTextFile(`${FOLDER}example.conf`);
  const run = async (content: string) => {
    await Deno.writeTextFile(`${dir.path}/web.conf`, content);
    return result(await runBalance(["--test", "--config", "web.conf", "PORT"], { cwd: dir.path }));
  };
  assertEquals(await run(text), [0, "", ""]);
  const off = [...text.matchAll(/^#(\S.*)$/gm)].map(([, line = ""]) => line);
  assertEquals(off.length > 25, true, `${off.length} options`);
  // Addresses and directories of the example do not exist here.
  const line = (one: string) =>
    one.replace(/\/var\/(log|lib)\/balance/, dir.path).replace("192.0.2.10", "127.0.0.1");
  const together = off.map(line).filter((one) =>
    !/^(ipv6|workers|engine|dump-rotate|metrics-host|log-format)/.test(one) &&
    (bindsSource || !one.startsWith("source"))
  );
  assertEquals(await run(`${together.join("\n")}\n${text.replace(/^#.*$/gm, "")}`), [0, "", ""]);
  for (const one of off) {
    const { stderr } = await runBalance(["--test", "--config", "one.conf", "PORT"], {
      cwd: await folderWith(dir.path, `${line(one)}\n${GOOD}\n!\n${GOOD}\n`),
    });
    assertEquals(/unrecognized|invalid/.test(stderr), false, `${one}: ${stderr}`);
  }
  assertStringIncludes(text, "include example.d/*.conf");
});

async function folderWith(folder: string, text: string): Promise<string> {
  await Deno.writeTextFile(`${folder}/one.conf`, text);
  return folder;
}
