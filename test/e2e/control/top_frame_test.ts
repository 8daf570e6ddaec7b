/** `top` without a terminal: one frame. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { VERSION } from "../../../lib/base/version.ts";
import { startEchoTraffic } from "../../helpers/control/echo_traffic.ts";
import { echo } from "../../helpers/net/backends.ts";
import { talk } from "../../helpers/net/control_socket.ts";
import { WORKERS } from "../../helpers/program/program.ts";
import { runBalance } from "../../helpers/program/start_balance.ts";
import { startControlled } from "../../helpers/program/start_controlled.ts";
import { startShell } from "../../helpers/program/start_shell.ts";
import { t } from "../../helpers/t.ts";

/** A number above zero as `top` prints it. */
const SOME = /(?!0\b)[\d.]+[kM]?/.source;

t("balance -c top prints one frame, with the rates of one second", async () => {
  await using one = echo();
  await using other = echo();
  await using balance = await startControlled(["-f", "PORT", one.address, other.address]);
  await using _traffic = await startEchoTraffic(balance.port, 5);
  const { code, stdout, stderr } = await runBalance(["-c", "top sent", "PORT"], {
    port: balance.port,
    rundir: balance.rundir,
  });
  assertEquals([code, stderr], [0, ""]);
  const lines = stdout.split("\n");
  assertEquals(lines.length, 25);
  assert(lines.every((line) => line.length <= 80), stdout);
  const several = WORKERS > 1 ? `  ${WORKERS} workers` : "";
  const head =
    `^balance ${VERSION}  0\\.0\\.0\\.0:${balance.port}  up .*  pid ${balance.pid}${several}$`;
  assertMatch(lines[0]!, new RegExp(head));
  assertMatch(
    lines[1]!,
    /^connections {2}5 open {2}0\/s {2}0 dialing {2}0 half-closed {2}5 in all$/,
  );
  assertMatch(lines[2]!, new RegExp(`^bytes  sent ${SOME}/s  rcvd ${SOME}/s `));
  assertEquals(lines[3], "channels 1-2 of 2 by sent");
  const channel = `^0\\.[01]  ENA 127\\.0\\.0\\.1:\\d+ +[23] +- +0 +${SOME} +${SOME} +[23] `;
  assertMatch(lines[5]!, new RegExp(channel));
  assertEquals(lines[7], "connections 1-5 of 5 by sent");
  // The last connection has sent most; with several workers its number is not known.
  const most = WORKERS > 1
    ? "[1-5] 127\\.0\\.0\\.1:\\d+ +0\\.[01]"
    : "5 127\\.0\\.0\\.1:\\d+ +0\\.0";
  assertMatch(lines[9]!, new RegExp(`^ +${most} +open +\\ds +0s +${SOME} `));
});

t("top over the plain control socket and in a shell on a pipe prints one frame", async () => {
  await using balance = await startControlled(["-f", "--workers", "3", "PORT", "127.0.0.1:9"]);
  const plain = await talk(balance.socket, "top\nversion\n");
  assertMatch(plain, /^balance .* {2}3 workers\nconnections {2}0 open [^]*\nno connections\n/);
  assertMatch(plain, /\n {2}This is balance /);
  await using shell = startShell(balance);
  await shell.type("top age\ntop x\n");
  await shell.waitForStdout(/invalid key \[x\]\nbalance\[0\] $/);
  assertMatch(shell.stdout, /\nbalance\[0\] balance \d[^]*\nno connections\n/);
  assert(!shell.stdout.includes("\x1b"), JSON.stringify(shell.stdout));
  assertEquals(await shell.end(), 0);
});

t("top shows the connections of all workers", async () => {
  await using server = echo();
  await using balance = await startControlled(["-f", "--workers", "3", "PORT", server.address]);
  await using _traffic = await startEchoTraffic(balance.port, 9);
  const frame = await talk(balance.socket, "top age\n");
  assertMatch(frame, /^connections {2}9 open /m);
  assertMatch(
    frame,
    new RegExp(`^0\\.0  ENA 127\\.0\\.0\\.1:\\d+ +9 +- +0 +${SOME} +${SOME} `, "m"),
  );
  const rows = frame.split("\n").filter((line) => / open +\d+s /.test(line));
  assertEquals(rows.map((line) => Number(line.trim().split(" ")[0])), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
  for (const row of rows) assertMatch(row, new RegExp(` 0s +${SOME} +${SOME} `));
});
