/** `drain` with the real program: progress, deadline, cancellation, and clients that leave. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { writeAll } from "../../../lib/base/bytes.ts";
import { echo } from "../../helpers/net/backends.ts";
import { connect, readLine, readToEnd } from "../../helpers/net/client.ts";
import { connectUnix, controlSession, showRows, talk } from "../../helpers/net/control_socket.ts";
import { echoes, heldConnection } from "../../helpers/net/held_connections.ts";
import { startCommands } from "../../helpers/program/start_commands.ts";
import { startControlled } from "../../helpers/program/start_controlled.ts";
import { later, t, until } from "../../helpers/t.ts";

const DRAINING = "channel 0.0 is draining:";

/** The states of the channels, as `show` prints them. */
async function states(balance: { socket: string }): Promise<string> {
  return (await showRows(balance.socket)).map(({ state }) => state).join(" ");
}

t("drain reports until the last connection has ended, and no new one arrives", async () => {
  await using one = echo();
  await using other = echo();
  await using balance = await startControlled(["-f", "PORT", one.address, other.address]);
  await using first = await heldConnection(balance.port);
  await using second = await heldConnection(balance.port);
  await using third = await heldConnection(balance.port);
  assertEquals([one.open, other.open], [2, 1]);
  await using drain = startCommands(balance, "drain 0; version", { strict: true });
  let printed = `${DRAINING} 2 connections left\n`;
  await drain.printed(printed);
  assertEquals(await states(balance), "drn ENA");
  await using _fourth = await heldConnection(balance.port);
  await using _fifth = await heldConnection(balance.port);
  assertEquals([one.accepted, other.accepted], [2, 3]);
  await echoes(first);
  await first.close();
  await drain.printed(printed += `${DRAINING} 1 connection left\n`);
  await echoes(third);
  await third.close();
  assertEquals(await drain.ended(), 0);
  assert(drain.stdout.startsWith(`${printed}channel 0.0 is drained\n  This is balance`));
  await echoes(second);
  assertEquals(await states(balance), "drn ENA");
  // It is empty already.
  await using again = startCommands(balance, "drain 0 5", { strict: true });
  assertEquals(await again.ended(), 0);
  assertEquals(again.stdout, "channel 0.0 is drained\n");
  await using undrain = startCommands(balance, "undrain 0", { strict: true });
  assertEquals(await undrain.ended(), 0);
  assertEquals(undrain.stdout, "channel 0.0 enabled\n");
  await using _sixth = await heldConnection(balance.port);
  await using _seventh = await heldConnection(balance.port);
  assertEquals(one.accepted, 3);
});

t("at the deadline, the rest is closed; with --strict the exit code is 1", async () => {
  await using one = echo();
  await using other = echo();
  await using balance = await startControlled(["-f", "PORT", one.address, other.address]);
  for (const strict of [true, false]) {
    await using here = await heldConnection(balance.port);
    await using there = await heldConnection(balance.port);
    await using drain = startCommands(balance, "drain 0 300ms; version", { strict });
    assertEquals(await drain.ended(), strict ? 1 : 0);
    const end = "channel 0.0 is drained, 1 connection closed at the deadline\n";
    const printed = `${DRAINING} 1 connection left\n${end}`;
    assertEquals(drain.stdout.slice(0, printed.length), printed);
    assertEquals(drain.stdout.includes("This is balance"), !strict);
    await readToEnd(here);
    await echoes(there);
    await there.close();
    await until(() => other.open === 0);
    assertEquals(await talk(balance.socket, "enable 0\n"), "channel 0 enabled\n");
  }
});

t("without its client, a drain goes on", async () => {
  for (const signal of ["SIGINT", "SIGKILL"] as const) {
    await using one = echo();
    await using balance = await startControlled(["-f", "PORT", one.address]);
    await using client = await heldConnection(balance.port);
    const descriptors = await balance.quietFds();
    await using drain = startCommands(balance, "drain 0 600");
    await drain.printed(`${DRAINING} 1 connection left\n`);
    drain.kill(signal);
    assertEquals(await drain.ended(), signal === "SIGINT" ? 130 : 137);
    await balance.settledFds(descriptors);
    assertEquals(await states(balance), "drn");
    await echoes(client);
    await using again = startCommands(balance, "drain 0 0", { strict: true });
    assertEquals(await again.ended(), 1);
    await readToEnd(client);
    assertEquals(await states(balance), "drn");
  }
});

for (
  const [command, answer, state] of [
    ["enable 0", "channel 0 enabled\n", "enabled"],
    ["undrain --all", "1 channel enabled\n", "enabled"],
    ["disable 0", "channel 0 disabled\n", "disabled"],
  ] as const
) {
  t(`${command} ends a drain`, async () => {
    await using one = echo();
    await using balance = await startControlled(["-f", "PORT", one.address]);
    await using client = await heldConnection(balance.port);
    await using drain = startCommands(balance, "drain 0 600", { strict: true });
    await drain.printed(`${DRAINING} 1 connection left\n`);
    assertEquals(await talk(balance.socket, `${command}\n`), answer);
    assertEquals(await drain.ended(), 1);
    const end = `channel 0.0 is ${state}, no longer draining\n`;
    assertEquals(drain.stdout, `${DRAINING} 1 connection left\n${end}`);
    await echoes(client);
  });
}

t("another drain of the same channel replaces the deadline of the first", async () => {
  await using one = echo();
  await using balance = await startControlled(["-f", "PORT", one.address]);
  await using client = await heldConnection(balance.port);
  await using first = startCommands(balance, "drain 0 600");
  await first.printed(`${DRAINING} 1 connection left\n`);
  await using second = startCommands(balance, "drain 0 0");
  assertEquals([await first.ended(), await second.ended()], [0, 0]);
  const end = "channel 0.0 is drained, 1 connection closed at the deadline\n";
  assertEquals(first.stdout, `${DRAINING} 1 connection left\n${end}`);
  assertEquals(second.stdout, `${DRAINING} 1 connection left\n${end}`);
  await readToEnd(client);
});

t("drain --all empties what is enabled, undrain --all takes it back", async () => {
  await using one = echo();
  await using balance = await startControlled(
    ["-f", "PORT", one.address, one.address, "!", one.address],
  );
  await talk(balance.socket, "disable 1.0\n");
  await using first = await heldConnection(balance.port);
  await using second = await heldConnection(balance.port);
  await using drain = startCommands(balance, "drain --all", { strict: true });
  await drain.printed("2 channels are draining: 2 connections left\n");
  assertEquals(await states(balance), "drn drn dis");
  await using refused = await connect(balance.port);
  await readToEnd(refused);
  await first.close();
  await second.close();
  assertEquals(await drain.ended(), 0);
  assertMatch(drain.stdout, /^(2 channels are draining: .*\n){1,2}2 channels are drained\n$/);
  assertEquals(await talk(balance.socket, "undrain --all\n"), "2 channels enabled\n");
  assertEquals(await states(balance), "ENA ENA dis");
});

t("by hand and from a program of 4.0.0, drain answers, too", async () => {
  await using one = echo();
  await using balance = await startControlled(["-f", "PORT", one.address]);
  await using client = await heldConnection(balance.port);
  using hand = await connectUnix(balance.socket);
  await writeAll(hand, new TextEncoder().encode("drain 0\nundrain 0\n"));
  await hand.closeWrite();
  assertEquals(await readLine(hand), `${DRAINING} 1 connection left`);
  using session = await controlSession(balance.socket);
  const answer = later(session.ask("drain 0"));
  using watch = await controlSession(balance.socket);
  await until(async () => (await watch.ask("show")).text.includes(" drn "));
  await echoes(client);
  await client.close();
  const { text, failed } = await answer;
  assertEquals(failed, false);
  assertMatch(text, /^(channel 0\.0 is draining: 1 connection left\n)?channel 0\.0 is drained\n$/);
  assertEquals((await readToEnd(hand)).text, "channel 0.0 is drained\nchannel 0.0 enabled\n");
});

t("when balance ends, drain prints what it knows and ends as well", async () => {
  await using one = echo();
  await using balance = await startControlled(["-f", "--grace", "0", "PORT", one.address]);
  await using client = await heldConnection(balance.port);
  await using drain = startCommands(balance, "drain 0");
  await drain.printed(`${DRAINING} 1 connection left\n`);
  await balance.stop();
  assertEquals(await drain.ended(), 0);
  assertMatch(drain.stdout, /^channel 0\.0 is draining: 1 connection left\nchannel 0\.0 is d.*\n$/);
  await readToEnd(client);
});
