/** Fifty people at the control channel while connections flow: nothing is lost, everything counted. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { echo } from "../../helpers/net/backends.ts";
import { connect, hashToEnd } from "../../helpers/net/client.ts";
import { type ControlSession, controlSession, talk } from "../../helpers/net/control_socket.ts";
import { type Controlled, startControlled } from "../../helpers/program/start_controlled.ts";
import { t, until } from "../../helpers/t.ts";
import { randomBytes, randomNumbers, sha256 } from "../../helpers/bytes.ts";

const MS = 2500;
const CLIENTS = 50;
/** Between two connections, and between two commands of one client. */
const CONNECTION_MS = 5, COMMAND_MS = 20;
const MOST_BYTES = 40_000;
const HEADING = /^GRP Type +# +S +ip-address +port +c +totalc maxc +sent +rcvd$/;
/** Answers of all commands that are used here, whoever else has changed the table meanwhile. */
const ANSWERS: Readonly<Record<string, RegExp>> = {
  maxc: /^(maxc of channel \d+ changed to \d+|unknown channel)\n$/,
  enable: /^(channel \d+ (already )?enabled|no such channel \d+)\n$/,
  disable: /^(channel \d+ (already )?disabled|no such channel \d+)\n$/,
  create: /^(channel created|no channel slots available)\n$/,
};

/** What the connections of the test have moved, as its own ends have counted it. */
interface Moved {
  connections: number;
  bytes: number;
}

/** A row of `show`. */
interface Row {
  group: number;
  channel: number;
  c: number;
  totalc: number;
  sent: number;
  rcvd: number;
}

/** Reads a table and asserts that it makes sense. */
function rowsOf(shown: string): Row[] {
  const [heading = "", ...lines] = shown.trimEnd().split("\n");
  assertMatch(heading, HEADING);
  const rows = lines.map((line) => {
    const words = line.trim().split(/ +/);
    assertEquals(words.length, 11, line);
    const [group = NaN, , channel = NaN, , , , c = NaN, totalc = NaN, , sent = NaN, rcvd = NaN] =
      words.map(Number);
    assertMatch(line, / (ENA|dis) +127\.0\.0\.1 /);
    // Two workers count while we look: one each may be in c and not yet in totalc.
    assert(c >= 0 && c <= totalc + 2, line);
    return { group, channel, c, totalc, sent, rcvd };
  });
  for (const group of [0, 1, 2]) {
    const channels = rows.filter((row) => row.group === group).map(({ channel }) => channel);
    assertEquals(channels, channels.map((_, index) => index));
  }
  assertEquals(rows, rows.toSorted((a, b) => a.group - b.group || a.channel - b.channel));
  return rows;
}

const sum = (rows: readonly Row[], field: "c" | "totalc" | "sent" | "rcvd"): number =>
  rows.reduce((total, row) => total + row[field], 0);

/** One connection whose bytes nobody else has; they must come back. */
async function connectOnce(port: number, seed: number): Promise<number> {
  await using client = await connect(port);
  const data = randomBytes(1 + (seed * 7919) % MOST_BYTES, seed);
  const answer = hashToEnd(client);
  await client.send(data);
  await client.closeWrite();
  assertEquals(
    await answer,
    { length: data.length, sha256: sha256(data), end: "EOF" },
    `connection ${seed}`,
  );
  return data.length;
}

/** Opens connections at a steady rate, whether those before have ended or not. */
async function flow(port: number, until: number): Promise<Moved> {
  const running: Promise<number>[] = [];
  const started = performance.now();
  while (performance.now() < until) {
    running.push(connectOnce(port, running.length + 1));
    const due = started + running.length * CONNECTION_MS;
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, due - performance.now())));
  }
  const bytes = await Promise.all(running);
  return { connections: bytes.length, bytes: bytes.reduce((all, one) => all + one, 0) };
}

/** One person at the control channel: changes groups 0 and 2, leaves group 1 alone. */
async function meddle(
  session: ControlSession,
  options: { seed: number; until: number; ports: readonly number[] },
): Promise<number> {
  const random = randomNumbers(options.seed);
  const group = random() % 2 === 0 ? 0 : 2;
  assertEquals(await session.ask(`group ${group}`).then((answer) => answer.group), group);
  let commands = 0;
  let totalc = 0;
  while (performance.now() < options.until) {
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
      const total = sum(rowsOf(answer.text), "totalc");
      assert(total >= totalc, `${total} attempts after ${totalc}`);
      totalc = total;
    } else {
      const expected = ANSWERS[command.split(" ")[0] ?? ""];
      assert(expected);
      assertMatch(answer.text, expected, command);
    }
    commands++;
    await new Promise((resolve) => setTimeout(resolve, COMMAND_MS));
  }
  return commands;
}

async function play(balance: Controlled, ports: readonly number[]): Promise<Moved> {
  using all = new DisposableStack();
  const sessions: ControlSession[] = [];
  for (let i = 0; i < CLIENTS; i++) sessions.push(all.use(await controlSession(balance.socket)));
  const end = performance.now() + MS;
  const [moved, ...commands] = await Promise.all([
    flow(balance.port, end),
    ...sessions.map((session, seed) => meddle(session, { seed, until: end, ports })),
  ]);
  const total = commands.reduce((sum, one) => sum + one, 0);
  // A busy machine may be slower than the 200 per second that are asked for.
  assert(moved.connections >= 50, `only ${moved.connections} connections`);
  assert(total >= 2 * CLIENTS, `only ${total} commands`);
  return moved;
}

for (const workers of ["1", "2"]) {
  t(`50 control clients and 200 connections per second with ${workers} workers`, async () => {
    await using first = echo();
    await using second = echo();
    await using spare = echo();
    // Group 1 is what nobody changes, so that there is always somewhere to go.
    const argv = ["-f", "--workers", workers, "PORT", first.address, second.address];
    await using balance = await startControlled([...argv, "!", spare.address]);
    const moved = await play(balance, [first.port, second.port]);
    await until(async () => sum(rowsOf(await talk(balance.socket, "show\n")), "c") === 0);
    const rows = rowsOf(await talk(balance.socket, "show\n"));
    assertEquals(
      { connections: sum(rows, "totalc"), sent: sum(rows, "sent"), rcvd: sum(rows, "rcvd") },
      { connections: moved.connections, sent: moved.bytes, rcvd: moved.bytes },
    );
    const accepted = first.accepted + second.accepted + spare.accepted;
    assertEquals(accepted, moved.connections);
    const spared = rows.filter(({ group }) => group === 1);
    assertEquals(sum(spared, "totalc"), spare.accepted);
  });
}
