/**
 * The backends that 3.35 chose in every recorded sequence: with claims() alone, and again with real
 * sockets.
 */

import { assert, assertEquals } from "@std/assert";
import { formatIp, parseIp } from "../../lib/address/ip.ts";
import { parseOptions } from "../../lib/cli/options.ts";
import { claims } from "../../lib/schedule/claims.ts";
import { clientHash } from "../../lib/schedule/client_hash.ts";
import { newTable } from "../../lib/table/table.ts";
import { designed } from "./deviations.ts";
import {
  type BalancingRecord,
  countersOf,
  playScript,
  scriptOf,
  socketTarget,
  type Step,
  tableFor,
  tableTarget,
} from "../helpers/golden/balancing_scripts.ts";
import { canBindSource, connect, readLine, readToEnd, tally } from "../helpers/net/client.ts";
import { deadPort } from "../helpers/net/ports.ts";
import { loadGolden, recordedBackends } from "../helpers/golden/golden.ts";
import { startInProcess } from "../helpers/program/in_process.ts";
import { skip, t } from "../helpers/t.ts";
import { clientWithHash } from "../helpers/scheduled_client.ts";

/** How the control shell writes to a pipe: played in control_test.ts. */
const OF_THE_SHELL = "interactive_pipe_buffering";

const all = loadGolden<BalancingRecord>("balancing");
const records = designed("balancing", all.filter(({ version }) => version !== "3.57"))
  .filter(({ name }) => name !== OF_THE_SHELL);
const scripts = records.flatMap((record) => {
  const steps = scriptOf(record);
  return steps === undefined ? [] : [{ record, steps }];
});
const sourceBinds = await canBindSource();

t("every recorded sequence is played here or belongs to the control shell", () => {
  console.log(`skipped here: ${all.length - records.length} records of the shell`);
  const others = records.filter((record) => scriptOf(record) === undefined);
  assertEquals(others.map(({ name }) => name), [
    "simultaneous_30_threads",
    "hash_table",
    "aH_endless_loop_holding_lock",
    "cursor_race_rapid_12_connections_2_channels",
  ]);
  assertEquals([all.length, scripts.length], [79, 73]);
});

for (const { record, steps } of scripts) {
  t(`claims() chooses as recorded: ${record.name}`, async () => {
    await using place = await tableTarget(argvOf(record));
    await playScript(steps, place);
  }, { permissions: "none" });
}

t("real connections reach the recorded backends, with the recorded counters", async (context) => {
  for (const { record, steps } of scripts) {
    if (!sourceBinds && steps.some(isForeign)) continue;
    await context.step(record.name, async () => {
      await using stage = recordedBackends();
      await using place = await socketTarget(argvOf(record), stage);
      await playScript(steps, place);
    });
  }
});
if (!sourceBinds) {
  const left = scripts.filter(({ steps }) => steps.some(isForeign)).length;
  skip(
    `${left} sequences with clients of several addresses over real sockets`,
    "this version of Deno ignores a source address",
  );
}

t("the hash of 58 addresses and the channel for 7 group sizes equal those of 3.35", () => {
  const record = records.find(({ name }) => name === "hash_table");
  const folded = Object.entries(record?.fold_unsigned32 ?? {});
  const sizes = Object.entries(record?.channel_index_by_n ?? {});
  assertEquals([folded.length, sizes.length], [58, 7]);
  for (const [address, value] of folded) assertEquals(hashOf(address), value, address);
  for (const [size, indices] of sizes) {
    const table = newTable({ groups: 1, channels: 16, workers: 1 });
    table.setSchedule(0, "hash");
    for (let i = 0; i < Number(size); i++) {
      table.add(0, { address: Uint8Array.of(127, 0, 0, 1), port: 21901 + i });
    }
    assertEquals(Object.keys(indices).length, 58);
    for (const [address, index] of Object.entries(indices)) {
      const [claim] = claims(table, clientWithHash(hashOf(address)));
      assertEquals(claim?.channel, index, `${address} of ${size}`);
    }
  }
});

t("thirty simultaneous clients are spread evenly", async () => {
  const record = recordOf("simultaneous_30_threads");
  await using stage = recordedBackends(3);
  await using balance = await startInProcess(stage.ports.argv(argvOf(record)));
  const clients = await Promise.all(Array.from({ length: 30 }, () => connect(balance.port)));
  const names = await Promise.all(clients.map((client) => readLine(client)));
  assertEquals(tally(names), tally(Object.entries(record.counts ?? {}).flatMap(repeated)));
  assertEquals(countersOf(balance.table), record.channels_after);
  await Promise.all(clients.map((client) => client.close()));
  await balance.idle();
});

t("twelve rapid connections to two channels are split six and six", async () => {
  const { runs = [] } = recordOf("cursor_race_rapid_12_connections_2_channels");
  await using stage = recordedBackends(2);
  for (const [first, second] of runs) {
    await using balance = await startInProcess(
      stage.ports.argv(["-f", "21001", "127.0.0.1:21901", "127.0.0.1:21902"]),
    );
    const clients = await Promise.all(Array.from({ length: 12 }, () => connect(balance.port)));
    const names = await Promise.all(clients.map((client) => readLine(client)));
    assertEquals(tally(names), `B0: ${first}, B1: ${second}`);
    await Promise.all(clients.map((client) => client.close()));
    await balance.idle();
  }
});

t(
  "-a and -H with only dead hash groups end the connection, print one line, and hold no lock",
  async () => {
    const record = recordOf("aH_endless_loop_holding_lock");
    await using stage = recordedBackends(0);
    for (let recorded = 21951; recorded <= 21955; recorded++) stage.ports.set(recorded, deadPort());
    await using balance = await startInProcess(stage.ports.argv(argvOf(record)));
    const saw = async (from?: string) => {
      await using client = await connect(balance.port, from && sourceBinds ? { from } : {});
      return (await readToEnd(client)).text || "EOF";
    };
    assertEquals(await saw(), record.first_client_127_0_0_1_saw);
    assertEquals(await saw("127.0.0.2"), record.second_client_127_0_0_2_saw);
    assertEquals(balance.stderr.trimEnd().split("\n").length, record.stderr_lines);
    let hangs = true;
    balance.table.locked(() => hangs = false);
    assertEquals(hangs, record.maxc_command_hangs);
  },
);

t("an empty hash group does not crash the program: the next client is served", async () => {
  const record = recordOf("hash_type_on_empty_group_master_crash");
  assertEquals(record.master_returncode, null);
  const steps = scriptOf(record) ?? [];
  const served: Step[] = [
    { command: "create 127.0.0.1 21901" },
    { command: "enable 1" },
    { from: "127.0.0.1", chosen: "B0", hold: false },
  ];
  await using stage = recordedBackends(1);
  await using place = await socketTarget(["-f", "21029", "127.0.0.1:21960"], stage);
  await playScript([...steps, { command: "quit" }, ...served], place);
});

t("the table of a recorded command line has its addresses, ports and maxc", async () => {
  const table = await tableFor(parseOptions(argvOf(recordOf("rr_maxc_negative"))));
  const rows = [...table.rows()].map((row) => `${formatIp(row.address)}:${row.port}:${row.maxc}`);
  assertEquals(rows, ["127.0.0.1:21901:-1", "127.0.0.1:21902:0"]);
});

function recordOf(name: string): BalancingRecord {
  const record = records.find((one) => one.name === name);
  assert(record, `no record ${name}`);
  return record;
}

function argvOf(record: BalancingRecord): string[] {
  assert(Array.isArray(record.setup), record.name);
  return record.setup;
}

function isForeign(step: Step): boolean {
  return "from" in step && step.from !== "127.0.0.1";
}

function hashOf(address: string): number {
  return clientHash(parseIp(address) ?? new Uint8Array(4));
}

function repeated([name, count]: [string, number]): string[] {
  return Array<string>(count).fill(name);
}
