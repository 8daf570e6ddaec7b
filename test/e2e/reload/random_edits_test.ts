/** A file with 30 channels is edited at random under load; afterwards all is as after a start. */

import { assert, assertEquals } from "@std/assert";
import type { ConnectionInfo } from "../../../lib/base/connection_info.ts";
import type { ChannelRecord } from "../../../lib/table/channel_record.ts";
import { namedBackends } from "../../helpers/net/backends.ts";
import { ask } from "../../helpers/net/client.ts";
import { talk } from "../../helpers/net/control_socket.ts";
import { type Controlled, startControlled } from "../../helpers/program/start_controlled.ts";
import { EditedFile } from "../../helpers/reload/edited_file.ts";
import { type EchoingClient, echoingClient } from "../../helpers/reload/echoing_client.ts";
import { randomNumbers } from "../../helpers/bytes.ts";
import { t, until } from "../../helpers/t.ts";
import { tempDir } from "../../helpers/temp_dir.ts";

const ROUNDS = 12, CHANNELS = 30, BACKENDS = 40, HELD = 40;
const CASES = [["streams", 1], ["streams", 4], ["epoll", 1], ["epoll", 4]] as const;

async function rowsOf({ socket }: Controlled): Promise<ChannelRecord[]> {
  return JSON.parse(await talk(socket, "show --json\n"));
}

/** What does not depend on traffic. */
function shape(rows: readonly ChannelRecord[]): string[] {
  return rows.map(({ group, channel, type, state, address, port, maxc, weight }) =>
    `${group}.${channel} ${type} ${state} ${address}:${port}:${maxc} ${weight}`
  );
}

for (const [engine, workers] of CASES) {
  const name = `random edits are reloaded under load: ${engine}, ${workers} workers`;
  t(name, async () => {
    const seed = Math.floor(Math.random() * 2 ** 31);
    try {
      await run({ engine, workers, seed });
    } catch (error) {
      throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error });
    }
  });
}

async function run(
  { engine, workers, seed }: { engine: string; workers: number; seed: number },
): Promise<void> {
  const numbers = randomNumbers(seed), random = () => numbers() / 2 ** 32;
  await using backends = namedBackends(BACKENDS);
  using place = tempDir();
  const path = `${place.path}/web.conf`;
  const file = new EditedFile({ channels: CHANNELS, backends: BACKENDS, random });
  const write = () => Deno.writeTextFileSync(path, file.text(backends.addresses));
  write();
  const argv = ["-f", "--config", path, "--engine", engine, "--workers", `${workers}`, "PORT"];
  await using balance = await startControlled(argv, { expectStderr: "any" });
  const clients: EchoingClient[] = [];
  for (let n = 0; n < HELD; n++) clients.push(await echoingClient(balance.port, n));
  await using short = shortClients(balance.port);
  let before = await rowsOf(balance);
  for (let round = 0; round < ROUNDS; round++) {
    const keys = new Set(file.keys());
    file.edit();
    write();
    const reply = await talk(balance.socket, "reload\n");
    assert(reply.startsWith("reloaded: "), reply);
    const rows = await rowsOf(balance), what = `round ${round}`;
    const active = rows.filter(({ state }) => state !== "draining");
    assertEquals(shape(active), expected(file, backends.addresses), what);
    // Those that leave come last in their group.
    for (const { group, channel } of active) {
      const size = active.filter((one) => one.group === group).length;
      assert(channel < size, what);
    }
    checkCounters(before, rows, {
      unchanged: file.keys().filter((key) => keys.has(key)),
      addresses: backends.addresses,
      what,
    });
    checkNames(JSON.parse(await talk(balance.socket, "conns --json\n")), rows, what);
    for (const { fault } of clients) if (fault !== undefined) throw fault;
    before = rows;
  }
  await short.stop();
  // Every connection is still open, also those of channels that were removed.
  const counts = clients.map(({ exchanges }) => exchanges);
  await until(
    () => clients.every(({ exchanges, fault }, n) => fault !== undefined || exchanges > counts[n]!),
    { timeoutMs: 20_000, what: "another exchange of each client" },
  );
  await Promise.all(clients.map((client) => client.stop()));
  // Channels that were removed are gone now: all is as after a start.
  await until(async () => (await rowsOf(balance)).every(({ state }) => state !== "draining"), {
    timeoutMs: 20_000,
    what: "the end of removed channels",
  });
  await using fresh = await startControlled(argv, { expectStderr: "any" });
  assertEquals(shape(await rowsOf(balance)), shape(await rowsOf(fresh)));
}

/** What `show` has after a start with this file. */
function expected(file: EditedFile, addresses: readonly string[]): string[] {
  return file.groups.flatMap(({ schedule, channels }, group) =>
    channels.map(({ backend, maxc, weight }, channel) =>
      `${group}.${channel} ${schedule} enabled ${addresses[backend]}:${maxc} ${weight}`
    )
  );
}

/** Counters of unchanged channels never go back. */
function checkCounters(
  before: readonly ChannelRecord[],
  after: readonly ChannelRecord[],
  { unchanged, addresses, what }: {
    unchanged: readonly string[];
    addresses: readonly string[];
    what: string;
  },
): void {
  for (const key of unchanged) {
    const [group, backend] = key.split(" ").map(Number);
    const find = (rows: readonly ChannelRecord[]) =>
      rows.find((one) =>
        one.group === group && one.state !== "draining" &&
        `${one.address}:${one.port}` === addresses[backend!]
      );
    const then = find(before), now = find(after);
    assert(then !== undefined && now !== undefined, `${what}: ${key}`);
    for (const counter of ["totalc", "sent", "rcvd"] as const) {
      assert(now[counter] >= then[counter], `${what}: ${counter} of ${key} went back`);
    }
  }
}

/** `conns` names the channel whose backend a connection has. */
function checkNames(
  connections: readonly ConnectionInfo[],
  rows: readonly ChannelRecord[],
  what: string,
): void {
  const byNumber = new Map(rows.map((row) => [`${row.group}.${row.channel}`, row]));
  for (const { state, group, channel, backend } of connections) {
    if (state !== "open" || backend === undefined) continue;
    const row = byNumber.get(`${group}.${channel}`);
    // Its channel may have become empty since.
    if (row === undefined) continue;
    assertEquals(`${backend.address}:${backend.port}`, `${row.address}:${row.port}`, what);
  }
}

/** Connects again and again. */
function shortClients(port: number): AsyncDisposable & { stop(): Promise<void> } {
  let isStopping = false, fault: unknown;
  const loops = Array.from({ length: 4 }, async () => {
    while (!isStopping && fault === undefined) {
      const answer = await ask(port).catch((error) => `${error}`);
      if (!/^B\d+$/.test(answer)) fault ??= new Error(`answer [${answer}]`);
    }
  });
  async function stop(): Promise<void> {
    isStopping = true;
    await Promise.all(loops);
    if (fault !== undefined) throw fault;
  }
  return { stop, [Symbol.asyncDispose]: stop };
}
