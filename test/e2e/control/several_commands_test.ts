/** Several commands with one `-c`, in one session. */

import { assertEquals, assertMatch } from "@std/assert";
import { showRows, talk } from "../../helpers/net/control_socket.ts";
import { runBalance } from "../../helpers/program/start_balance.ts";
import { startControlled } from "../../helpers/program/start_controlled.ts";
import { t } from "../../helpers/t.ts";

const BACKENDS = ["127.0.0.1:9", "127.0.0.1:10", "!", "127.0.0.1:11"];

/** Runs `-c`. @returns Exit code, stdout, stderr. */
async function run(
  balance: { port: number; rundir: string },
  ...argv: string[]
): Promise<[number, string, string]> {
  const { port, rundir } = balance;
  const { code, stdout, stderr } = await runBalance([...argv, "PORT"], { port, rundir });
  return [code, stdout, stderr];
}

/** Group, channel and state of all channels. */
async function states(balance: { socket: string }): Promise<string> {
  const rows = await showRows(balance.socket);
  return rows.map(({ group, channel, state }) => `${group}.${channel} ${state}`).join(", ");
}

t("a script reaches any group, with G.N or with several commands", async () => {
  await using balance = await startControlled(["-f", "PORT", ...BACKENDS]);
  assertEquals(await run(balance, "-c", "disable 1.0"), [0, "channel 1.0 disabled\n", ""]);
  assertEquals(await states(balance), "0.0 ENA, 0.1 ENA, 1.0 dis");
  const answers = "channel created\nchannel 1 enabled\ngroup 1 set to hash\n";
  for (const text of ["group 1; create 127.0.0.1 80;enable 1 ; hash;", "group 1\nenable 0\n"]) {
    const stdout = text.includes(";") ? answers : "channel 0 enabled\n";
    assertEquals(await run(balance, "--strict", "-c", text), [0, stdout, ""]);
  }
  assertEquals(await states(balance), "0.0 ENA, 0.1 ENA, 1.0 ENA, 1.1 ENA");
});

t("a group command without another one is reported to have no effect", async () => {
  await using balance = await startControlled(["-f", "PORT", ...BACKENDS]);
  const reason = "has no effect: it is for the commands after it, as in -c 'group 1; show'\n";
  assertEquals(await run(balance, "-c", "group 1"), [0, "", `balance: [group 1] ${reason}`]);
  assertEquals(await run(balance, "-c", "disable 0; g 1;"), [
    0,
    "channel 0 disabled\n",
    `balance: [g 1] ${reason}`,
  ]);
  assertEquals(await run(balance, "-c", "group 99"), [0, "value out of range\n", ""]);
});

t("a failed command ends the sequence with --strict, a failed group always", async () => {
  await using balance = await startControlled(["-f", "PORT", ...BACKENDS]);
  const text = "disable 9; disable 0";
  assertEquals(await run(balance, "--strict", "-c", text), [1, "no such channel 9\n", ""]);
  assertEquals(await run(balance, "-c", text), [0, "no such channel 9\nchannel 0 disabled\n", ""]);
  assertEquals(await run(balance, "-c", "group 99; disable 1"), [
    0,
    "value out of range\n",
    "balance: [group 99] failed, so the next commands are not run\n",
  ]);
  const { port, rundir } = balance;
  const stdin = { text: "group 99; disable 1\nshow; disable 99; version\n" };
  const shell = await runBalance(["-i", "PORT"], { port, rundir, stdin });
  assertMatch(shell.stdout, /balance\[0\] value out of range\nbalance\[0\] GRP/);
  assertMatch(shell.stdout, /no such channel 99\n {2}This is balance/);
  assertEquals(await states(balance), "0.0 dis, 0.1 ENA, 1.0 ENA");
});

t("quit and kill end the sequence", async () => {
  await using balance = await startControlled(["-f", "PORT", ...BACKENDS]);
  assertEquals(await run(balance, "-c", "quit; disable 0"), [0, "", ""]);
  assertEquals(await run(balance, "-c", "exit; disable 0"), [0, "", ""]);
  assertEquals(await states(balance), "0.0 ENA, 0.1 ENA, 1.0 ENA");
  assertEquals(await run(balance, "-c", "kill 7"), [0, "too many words: kill\n", ""]);
  const stdout = "shutdown complete, exiting.\n";
  const stderr = "balance: kill ended the session, so the next commands are not run\n";
  assertEquals(await run(balance, "-c", "kill; disable 0"), [0, stdout, stderr]);
  assertEquals((await balance.ended).code, 0);
});

t("lines may end with CR LF: by hand at the socket, with -c, and in a script for -i", async () => {
  await using balance = await startControlled(["-f", "PORT", ...BACKENDS]);
  const { socket, port, rundir } = balance;
  assertEquals(
    await talk(socket, "disable 0\r\ngroup 1\r\ndisable 0\r\nquit\r\n"),
    "channel 0 disabled\nchannel 0 disabled\n",
  );
  assertEquals(await run(balance, "-c", "enable 0\r"), [0, "channel 0 enabled\n", ""]);
  const stdin = { text: "group 1; enable 0\r\nexit\r\n" };
  const { code, stdout } = await runBalance(["-i", "PORT"], { port, rundir, stdin });
  assertEquals([code, stdout.split("\n").slice(4)], [0, [
    "balance[0] channel 0 enabled",
    "balance[1] ",
  ]]);
});
