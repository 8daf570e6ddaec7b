/** What goes around the executable: the service, the container, installing from source. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { OPTIONS } from "../../../lib/cli/option_table.ts";
import { MEMORY_FLAGS, permissionFlags } from "../../../lib/system/permissions.ts";
import { named } from "../../helpers/net/backends.ts";
import { ask } from "../../helpers/net/client.ts";
import { config, program } from "../../helpers/program/program.ts";
import { startBalance } from "../../helpers/program/start_balance.ts";
import { runProgram, startProgram } from "../../helpers/program/start_program.ts";
import { syslogReceiver } from "../../helpers/net/syslog_receiver.ts";
import { skip, t, tool } from "../../helpers/t.ts";
import { freePort } from "../../helpers/net/ports.ts";
import { listensOn } from "../../helpers/net/tcp_sockets.ts";

const FOLDER = new URL("../../../scripts/package/", import.meta.url).pathname;
/** Of `systemd-analyze security`, in tenths: 0 is best, 100 no protection at all. */
const EXPOSURE = 20;

async function inFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "balance-package-" });
  try {
    await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const UNIT = "systemd accepts balance@.service and finds it well protected";
const analyze = tool("systemd-analyze");
if (analyze === undefined) skip(UNIT, "systemd-analyze is not installed");
else {
  t(UNIT, () =>
    inFolder(async (folder) => {
      // It looks whether the executable is there; an instance, so that %i means something.
      const text = await Deno.readTextFile(`${FOLDER}balance@.service`);
      assertStringIncludes(text, "ExecStart=/usr/local/bin/balance ");
      const unit = `${folder}/balance@mail.service`;
      await Deno.writeTextFile(
        unit,
        text.replace("/usr/local/bin/balance", Deno.execPath()).replaceAll("%i", "mail"),
      );
      const verified = await runProgram(analyze, ["verify", "--man=no", unit]);
      assertEquals(verified, { code: 0, stdout: "", stderr: "" });
      const args = ["security", "--no-pager", "--offline=true", `--threshold=${EXPOSURE}`, unit];
      const { code, stdout } = await runProgram(analyze, args);
      assertEquals(code, 0, stdout);
    }));
}

t("the service runs options that exist, and stays in the foreground", async () => {
  const text = await Deno.readTextFile(`${FOLDER}balance@.service`);
  assertMatch(text, /^ExecStart=\S+ -f \$BALANCE_ARGS$/m);
  const names = OPTIONS.map(({ name }) => `--${name}`);
  for (const [option] of text.matchAll(/--[a-z][a-z-]*/g)) {
    assert(names.includes(option), `${option} is no option of balance`);
  }
});

t("a service manager is told when the program serves and when it stops", async () => {
  await using manager = syslogReceiver();
  await using server = named("B0");
  await using balance = await startBalance(["-f", "PORT", server.address], {
    env: { NOTIFY_SOCKET: manager.path },
  });
  assertEquals(await manager.waitFor(1), ["READY=1"]);
  assertEquals(await ask(balance.port), "B0");
  await balance.stop();
  assertEquals(await manager.waitFor(2), ["READY=1", "STOPPING=1"]);
});

const npx = tool("npx");
for (
  const linter of [["dockerfilelint@1.8.0"], ["dockerfile-utils@0.16.3", "lint"]] as [
    string,
    ...string[],
  ][]
) {
  const name = `${linter[0]} has nothing to say about the Dockerfile`;
  if (npx === undefined) skip(name, "npx is not installed");
  else {
    t(name, async () => {
      const args = ["--yes", ...linter, `${FOLDER}Dockerfile`];
      const { code, stdout, stderr } = await runProgram(npx, args, { timeoutMs: 120_000 });
      const missing = /^npm (?:error|ERR!) code (\S+)/m.exec(stderr)?.[1];
      if (missing !== undefined) console.log(`skipped: ${name}: npm cannot fetch it: ${missing}`);
      else assertEquals(code, 0, stdout + stderr);
    });
  }
}

t("the Dockerfile builds with the same Deno as everything else, and runs as nobody", async () => {
  const text = await Deno.readTextFile(`${FOLDER}Dockerfile`);
  const readme = await Deno.readTextFile(new URL("../../../README.md", import.meta.url));
  const deno = /npx -y (deno@\S+) task/.exec(readme)?.[1];
  assertStringIncludes(text, `RUN npx -y ${deno} task compile\n`);
  const last = text.split(/^FROM /m).at(-1) ?? "";
  assertMatch(last, /^USER [1-9]\d*:[1-9]\d*$/m);
});

t("the program raises its soft limit of descriptors to the hard one", async () => {
  const { command, args } = program({ cachedOnly: true });
  const port = freePort();
  await using server = named("B0");
  const rundir = await Deno.makeTempDir({ prefix: "balance-test-" });
  try {
    const script = 'ulimit -S -n 256 && export BALANCE_RUNDIR="$0" && echo $$ && exec "$@"';
    const own = [command, ...args, "-f", String(port), server.address];
    await using running = await startProgram("/bin/sh", {
      args: ["-c", script, rundir, ...own],
      ready: () => listensOn(port),
    });
    assertEquals(await ask(port), "B0");
    const limits = await Deno.readTextFile(`/proc/${running.output.trim()}/limits`);
    const [, soft, hard] = /^Max open files +(\d+|unlimited) +(\d+|unlimited)/m.exec(limits) ?? [];
    assert(soft !== undefined && soft !== "256", limits);
    assertEquals(soft, hard);
  } finally {
    await Deno.remove(rundir, { recursive: true });
  }
});

t(
  "installing from source makes a command with the least permissions",
  () =>
    inFolder(async (folder) => {
      const script = `${FOLDER}install.ts`;
      const args = ["run", "-A", "--quiet", "--no-check", script, "--root", folder];
      const { code, stderr } = await runProgram(Deno.execPath(), args);
      assertEquals(code, 0, stderr);
      const text = await Deno.readTextFile(`${folder}/bin/balance`);
      for (const flag of [...permissionFlags(), MEMORY_FLAGS]) {
        assertStringIncludes(text, ` ${flag} `);
      }
      assert(!/ -A | --allow-all /.test(text), text);
      // It names no path of Deno, which is the one on PATH.
      await Deno.symlink(Deno.execPath(), `${folder}/deno`);
      const path = `${folder}:${Deno.env.get("PATH")}`;
      const ran = await runProgram("/usr/bin/env", [
        `PATH=${path}`,
        `${folder}/bin/balance`,
        "--version",
      ]);
      assertEquals(ran, { code: 0, stdout: `balance ${config().version}\n`, stderr: "" });
    }),
);
