/** Fifty control clients change channels under load: no connection is lost, and all are counted. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { randomBytes, randomNumbers, sha256 } from "../../helpers/bytes.ts";
import { echo } from "../../helpers/net/backends.ts";
import { connect, hashToEnd } from "../../helpers/net/client.ts";
import {
  type ControlSession,
  controlSession,
  parseShow,
  type ShowRow,
  talk,
} from "../../helpers/net/control_socket.ts";
import { type Controlled, startControlled } from "../../helpers/program/start_controlled.ts";
import { later, sleep, t, until } from "../../helpers/t.ts";

const MS = 2500;
/** However slow the machine is, and for each control client. */
const MIN_CONNECTIONS = 50, MIN_COMMANDS = 2;
const CLIENTS = 50;
/** Milliseconds between two connections, and between two commands of one client. */
const CONNECTION_MS = 5, COMMAND_MS = 20;
const MAX_BYTES = 40_000;
const HEADING = /^GRP Type +# +S +ip-address +port +c +totalc maxc +sent +rcvd\n/;
/** The answers of all commands used here; other clients may have changed the table meanwhile. */
const ANSWERS: Readonly<Record<string, RegExp>> = {
  maxc: /^(maxc of channel \d+ changed to \d+|unknown channel)\n$/,
  enable: /^(channel \d+ (already )?enabled|no such channel \d+)\n$/,
  disable: /^(channel \d+ (already )?disabled|no such channel \d+)\n$/,
  create: /^(channel created|no channel slots available)\n$/,
};

/** Connections and bytes of the test, counted by its own ends. */
interface Moved {
  connections: number;
  bytes: number;
}

/** Parses a table and asserts that it is consistent. */
function checkedRows(shown: string): ShowRow[] {
  assertMatch(shown, HEADING);
  const rows = parseShow(shown);
  for (const line of shown.trimEnd().split("\n").slice(1)) {
    assertMatch(line, / (ENA|dis) +127\.0\.0\.1 /);
  }
  for (const { c, totalc } of rows) {
    // Two workers count at the same time: one connection of each may be in c, but not in totalc yet.
    assert(c >= 0 && c <= totalc + 2, shown);
  }
  for (const group of [0, 1, 2]) {
    const channels = rows.filter((row) => row.group === group).map(({ channel }) => channel);
    assertEquals(channels, channels.map((_, index) => index));
  }
  assertEquals(rows, rows.toSorted((a, b) => a.group - b.group || a.channel - b.channel));
  return rows;
}

const sum = (rows: readonly ShowRow[], field: "c" | "totalc" | "sent" | "rcvd"): number =>
  rows.reduce((total, row) => total + row[field], 0);

/** One connection with bytes of its own, which must come back. @returns Their number. */
async function connectOnce(port: number, seed: number): Promise<number> {
  await using client = await connect(port);
  const data = randomBytes(1 + (seed * 7919) % MAX_BYTES, seed);
  const answer = later(hashToEnd(client));
  await client.send(data);
  await client.closeWrite();
  assertEquals(
    await answer,
    { length: data.length, sha256: sha256(data), end: "EOF" },
    `connection ${seed}`,
  );
  return data.length;
}

/** Opens connections at a steady rate, whether or not the previous ones have ended. */
async function openConnections(port: number, endMs: number): Promise<Moved> {
  const running: Promise<number>[] = [];
  const started = performance.now();
  while (performance.now() < endMs || running.length < MIN_CONNECTIONS) {
    running.push(later(connectOnce(port, running.length + 1)));
    const due = started + running.length * CONNECTION_MS;
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, due - performance.now())));
  }
  const bytes = await Promise.all(running);
  return { connections: bytes.length, bytes: bytes.reduce((all, one) => all + one, 0) };
}

/** One control client: changes channels of group 0 or 2, and leaves group 1 alone. */
async function changeChannels(
  session: ControlSession,
  options: { seed: number; endMs: number; ports: readonly number[] },
): Promise<void> {
  const random = randomNumbers(options.seed);
  const group = random() % 2 === 0 ? 0 : 2;
  assertEquals((await session.ask(`group ${group}`)).group, group);
  let totalc = 0;
  for (let i = 0; performance.now() < options.endMs || i < MIN_COMMANDS; i++) {
    const channel = random() % 16;
    const port = options.ports[random() % options.ports.length];
    const command = [
      `maxc ${channel} ${random() % 6}`,
      `enable ${channel}`,
      `disable ${channel}`,
      `create 127.0.0.1 ${port}`,
      "show",
    ][random() % 5] ?? "";
    const answer = await session.ask(command);
    assertEquals(answer.group, group);
    if (command === "show") {
      const total = sum(checkedRows(answer.text), "totalc");
      assert(total >= totalc, `${total} attempts after ${totalc}`);
      totalc = total;
    } else {
      const expected = ANSWERS[command.split(" ")[0] ?? ""];
      assert(expected);
      assertMatch(answer.text, expected, command);
    }
    await sleep(COMMAND_MS);
  }
}

async function runLoad(balance: Controlled, ports: readonly number[]): Promise<Moved> {
  using all = new DisposableStack();
  const sessions: ControlSession[] = [];
  for (let i = 0; i < CLIENTS; i++) sessions.push(all.use(await controlSession(balance.socket)));
  const endMs = performance.now() + MS;
  const [moved] = await Promise.all([
    openConnections(balance.port, endMs),
    ...sessions.map((session, seed) => changeChannels(session, { seed, endMs, ports })),
  ]);
  return moved;
}

for (const workers of ["1", "2"]) {
  t(`50 control clients and 200 connections per second, ${workers} worker(s)`, async () => {
    await using first = echo();
    await using second = echo();
    await using spare = echo();
    // Group 1 never changes, so that there is always a channel for a connection.
    const argv = ["-f", "--workers", workers, "PORT", first.address, second.address];
    await using balance = await startControlled([...argv, "!", spare.address]);
    const moved = await runLoad(balance, [first.port, second.port]);
    await until(async () => sum(checkedRows(await talk(balance.socket, "show\n")), "c") === 0);
    const rows = checkedRows(await talk(balance.socket, "show\n"));
    assertEquals(
      { connections: sum(rows, "totalc"), sent: sum(rows, "sent"), rcvd: sum(rows, "rcvd") },
      { connections: moved.connections, sent: moved.bytes, rcvd: moved.bytes },
    );
    const accepted = first.accepted + second.accepted + spare.accepted;
    assertEquals(accepted, moved.connections);
    const unchanged = rows.filter(({ group }) => group === 1);
    assertEquals(sum(unchanged, "totalc"), spare.accepted);
  });
}
