/** The events that 3.35 prints with `-d`, in the words of balance 4. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { designed } from "./deviations.ts";
import { named } from "../helpers/net/backends.ts";
import { ask, canBindSource, connect, readToEnd } from "../helpers/net/client.ts";
import { deadPort } from "../helpers/net/ports.ts";
import { loadGolden, type RecordedBackends, recordedBackends } from "../helpers/golden/golden.ts";
import { startInProcess } from "../helpers/program/in_process.ts";
import { pool } from "../helpers/pool.ts";
import { startBalance } from "../helpers/program/start_balance.ts";
import { skip, t, until } from "../helpers/t.ts";

type DebugEvent = { event: string } & Record<string, string | number>;

interface DebugRecord {
  name: string;
  setup: string[];
  shell_before: string | null;
  client: string;
  chosen: string[];
  stderr_events: DebugEvent[];
  stdout_lines: number;
  /** Order of the events before the channel list, if it differs from the recorded one. */
  start_order?: string[];
}

/** The name in the records for every failure except a timeout. */
const REFUSED = "refused (any error but timeout)";
/** The recorded ports of this file: 21001 is backend B0. */
const BACKEND = 21001;
const DEAD = [21951, 21952];
const LAYOUT = "group right-aligned in 3, blank, channel right-aligned in 2, blank, ip:port:maxc";

const records = designed("debug", loadGolden<DebugRecord>("debug"));
const sourceBinds = await canBindSource();
const playable = records.filter(({ client }) => sourceBinds || client === "127.0.0.1");
if (playable.length < records.length) {
  skip(
    `${records.length - playable.length} records of -d with a client of another address`,
    "this version of Deno ignores a source address",
  );
}

t(
  `-d prints the recorded events at start and of each connection: ${records.length} records`,
  async () => {
    assertEquals(records.length, 8);
    await pool(playable, { limit: 3, name: ({ name }) => name }, async (record) => {
      await using stage = castOf();
      // Records with commands before the connections are played by the next test.
      const clients = record.shell_before === null ? record.chosen : [];
      const own = record.setup.find((word) => /^21\d{3}$/.test(word)) ?? "";
      const argv = record.setup.map((word) => word === own ? "PORT" : stage.ports.here(word));
      await using balance = await startBalance(argv, { expectStderr: "any" });
      stage.ports.set(Number(own), balance.port);
      for (const chosen of clients) assertEquals(await askFrom(balance.port, record), chosen);
      const expected = inDesignedOrder(record).filter((event) =>
        record.shell_before === null || !ofConnection(event)
      );
      // The program listens before it has printed all lines about its start.
      await until(() => balance.stderr.split("\n").length > expected.length);
      const { stdout, stderr } = await balance.stop();
      const lines = stderr.trimEnd().split("\n");
      assertEquals(eventsOf(lines.map(stage.ports.back), record), expected);
      assertEquals(stdout.trimEnd().split("\n").length, record.stdout_lines);
    });
  },
);

for (const record of playable.filter(({ shell_before }) => shell_before !== null)) {
  t(`-d prints the recorded events of a connection: ${record.name}`, async () => {
    await using stage = castOf();
    await using balance = await startInProcess(stage.ports.argv(record.setup));
    for (const [, channel] of record.shell_before?.matchAll(/disable (\d+)/g) ?? []) {
      assert(balance.table.setState(0, Number(channel), "disabled"));
    }
    for (const chosen of record.chosen) {
      assertEquals(await askFrom(balance.port, record), chosen);
      await balance.idle();
    }
    const lines = balance.debugLines.map(stage.ports.back);
    assertEquals(eventsOf(lines, record), record.stderr_events.filter(ofConnection));
  });
}

t(
  "-d prints its first lines on stdout before the dump of -p, but not into another dump",
  async () => {
    await using server = named("B0");
    const dumps: readonly (readonly [string[], RegExp])[] = [
      [["-p"], /^argv\[0\]=balance\nbindhost=NULL\n-< 3\nB0\\0A\n\n/],
      [["-p", "--dump-format", "text"], /^argv\[0\]=balance\nbindhost=NULL\n-< 3\n/],
      [["--dump-format", "json", "--dump-file", "-"], /^\{/],
    ];
    for (const [options, stdout] of dumps) {
      const argv = ["-f", "-d", ...options, "PORT", server.address];
      await using balance = await startBalance(argv, { expectStderr: "any" });
      assertEquals(await ask(balance.port), "B0");
      assertMatch((await balance.stop()).stdout, stdout);
    }
  },
);

t("-d prints the host of -b on stdout", async () => {
  await using balance = await startBalance(["-fd", "-b", "127.0.0.1", "PORT"], {
    expectStderr: "any",
  });
  await balance.waitForStdout(/bindhost/);
  const { stdout } = await balance.stop();
  assertEquals(stdout, "argv[0]=balance\nbindhost=127.0.0.1\n");
});

/** Backend B0 and closed ports, mapped from the ports in the records. */
function castOf(): RecordedBackends {
  const stage = recordedBackends(1);
  stage.ports.set(BACKEND, stage.backends[0]?.port ?? 0);
  for (const recorded of DEAD) stage.ports.set(recorded, deadPort());
  return stage;
}

async function askFrom(port: number, { client, chosen }: DebugRecord): Promise<string> {
  const options = client === "127.0.0.1" ? {} : { from: client };
  if (chosen[0] !== "EOF") return await ask(port, options);
  await using one = await connect(port, options);
  return (await readToEnd(one)).text || "EOF";
}

function ofConnection({ event }: DebugEvent): boolean {
  return /^(accepted|hash_|H_|attempt)/.test(event);
}

/** The recorded events, with those at start in the designed order. */
function inDesignedOrder({ stderr_events, start_order = [] }: DebugRecord): DebugEvent[] {
  const first = start_order.flatMap((kind) => stderr_events.filter(({ event }) => event === kind));
  return [...first, ...stderr_events.filter((event) => !first.includes(event))];
}

/** The event of each printed line. */
function eventsOf(lines: readonly string[], record: DebugRecord): DebugEvent[] {
  const hashFailover = record.setup.includes("-H");
  return lines.map((line) => {
    for (const [pattern, make] of KINDS) {
      const match = pattern.exec(line);
      if (match !== null) return make(match.slice(1), hashFailover);
    }
    throw new Error(`Unknown kind of event: [${line}]`);
  });
}

type Make = (words: readonly string[], hashFailover: boolean) => DebugEvent;
const KINDS: readonly (readonly [RegExp, Make])[] = [
  [/^using port (\d+)$/, ([port]) => ({ event: "listen_port", port: Number(port) })],
  [/^control socket \S+ is new$/, () => ({ event: "rendezvous_file", state: "new" })],
  [/^bound to address (\S+)$/, ([address = ""]) => ({ event: "bind_address", address })],
  [/^the following channels are active:$/, () => ({ event: "channel_list_heading" })],
  [/^(.{3}) (.{2}) ([\d.]+):(\d+):(-?\d+)$/, ([group, channel, ip = "", port, maxc]) => ({
    event: "channel_list_row",
    layout: LAYOUT,
    group: Number(group),
    channel: Number(channel),
    ip,
    port: Number(port),
    maxc: Number(maxc),
  })],
  [/^connect from (\S+)$/, ([client = ""]) => ({ event: "accepted", client })],
  [/^hash of client address: (-?\d+)$/, ([value]) => ({
    event: "hash_value_printed_signed",
    value: Number(value),
  })],
  [/^hash modulo (\d+) channels of group \d+ is (\d+)$/, ([channels, index]) => ({
    event: "hash_modulo",
    channels: Number(channels),
    index: Number(index),
  })],
  [
    /^channel \d+ of group (\d+) is not available$/,
    ([group], hashFailover) =>
      hashFailover
        ? { event: "hash_channel_unavailable_H" }
        : { event: "hash_channel_unavailable_no_H", group: Number(group) },
  ],
  [/^-H found channel (\d+) in group (\d+)$/, ([channel, group]) => ({
    event: "H_found",
    channel: Number(channel),
    group: Number(group),
  })],
  [/^-H found no other channel in group (\d+)$/, ([group]) => ({
    event: "H_found_none",
    group: Number(group),
  })],
  [
    /^connect to group (\d+) channel (\d+) (successful|failed: refused|failed: timeout)$/,
    ([group, channel, outcome = ""]) => ({
      event: "attempt",
      group: Number(group),
      channel: Number(channel),
      outcome: OUTCOMES[outcome] ?? outcome,
    }),
  ],
];
const OUTCOMES: Readonly<Record<string, string>> = {
  "successful": "connected",
  "failed: timeout": "timeout",
  "failed: refused": REFUSED,
};
