import { assert, assertEquals, assertLess, assertMatch } from "@std/assert";
import { outcome, probing } from "../../../helpers/check/probing.ts";
import { isAlive } from "../../../helpers/program/process.ts";
import { t, until } from "../../../helpers/t.ts";
import { namesIn, tempDir } from "../../../helpers/temp_dir.ts";

for (
  const [command, ok, text] of [
    ["true", true, "exit code 0"],
    ["/bin/true", true, "exit code 0"],
    ["false", false, "exit code 1"],
    ["sh -c 'exit 42'", false, "exit code 42"],
    ["sh -c 'kill $$'", false, "killed by SIGTERM"],
    ["balance-no-such-program", false, "not found: balance-no-such-program"],
    ["/no/such/program", false, "not found: /no/such/program"],
    ["/etc/passwd", false, "permission denied"],
    ["/", false, "permission denied"],
  ] as const
) {
  t(`exec:${command} is ${text}`, async () => {
    assertEquals(await outcome(`exec:${command}`, 80), { ok, text });
  });
}

/** The sockets of this process. */
function sockets(): string[] {
  return namesIn("/proc/self/fd").flatMap((name) => {
    try {
      const target = Deno.readLinkSync(`/proc/self/fd/${name}`);
      return target.startsWith("socket:") ? [target] : [];
    } catch {
      // The directory itself, which is closed by now.
      return [];
    }
  });
}

t("a program gets variables about the channel, no other variable and no stream", async () => {
  using dir = tempDir();
  const script = `${dir.path}/check`;
  const output = `${dir.path}/output`;
  await Deno.writeTextFile(
    script,
    `#!/bin/sh\n{ env; readlink /proc/$$/fd/0 /proc/$$/fd/1 /proc/$$/fd/2; readlink /proc/$$/fd/*; ` +
      `printf '%s,' "$@"; } >${output}.new\nmv ${output}.new ${output}\n`,
    { mode: 0o755 },
  );
  const before = sockets();
  using _listener = Deno.listen({ port: 0 });
  const own = sockets().filter((socket) => !before.includes(socket));
  const { ok } = await probing(`exec:${script} 'a b' $HOME "*"`, 8080, {
    host: "web1.example",
    group: 2,
    channel: 3,
    connections: 5,
  });
  assertEquals(ok, true);
  const lines = (await Deno.readTextFile(output)).split("\n");
  const variables = lines.filter((line) =>
    /^[A-Z_]+=/.test(line) && !/^(PWD|OLDPWD|SHLVL|_)=/.test(line)
  );
  assertEquals(variables.sort(), [
    "BALANCE_CHANNEL=3",
    "BALANCE_CONNECTIONS=5",
    "BALANCE_GROUP=2",
    "BALANCE_HOST=web1.example",
    "BALANCE_PORT=8080",
    `PATH=${Deno.env.get("PATH")}`,
  ]);
  const nulls = lines.filter((line) => line === "/dev/null");
  assert(nulls.length >= 4, "stdin and stderr, each listed twice");
  assert(own.length > 0, "the listener has a socket");
  assertEquals(lines.filter((line) => line.startsWith("socket:") && own.includes(line)), []);
  assertEquals(lines.at(-1), "a b,$HOME,*,");
});

t("a program that takes too long is killed with its children, at the timeout", async () => {
  using dir = tempDir();
  const pids = `${dir.path}/pids`;
  const result = probing(
    `exec:sh -c 'trap "" TERM; sleep 60 & echo $$ $! >${pids}.new; mv ${pids}.new ${pids}; wait'`,
    80,
    { timeoutMs: 2000 },
  );
  const text = await until(() => Deno.readTextFile(pids).catch(() => ""), { what: "the program" });
  const { ok, text: reason, ms } = await result;
  assertEquals([ok, reason], [false, "timeout after 2 s"]);
  assertLess(1999, ms);
  for (const pid of text.trim().split(" ")) {
    await until(() => !isAlive(Number(pid)), { what: `process ${pid} to end` });
  }
});

t("the caller can end a program", async () => {
  for (const signal of [AbortSignal.abort(), AbortSignal.timeout(100)]) {
    assertEquals(await outcome("exec:sleep 60", 80, { signal }), { ok: false, text: "canceled" });
  }
});

t("a program that is no executable of this machine fails with the reason", async () => {
  using dir = tempDir();
  await Deno.writeFile(`${dir.path}/x`, new Uint8Array([0x7f, 0x45, 0x4c, 0x46]), { mode: 0o755 });
  const { ok, text } = await outcome(`exec:${dir.path}/x`, 80);
  assertEquals(ok, false);
  assertMatch(text, /^(exec format error|exit code \d+)/);
});
