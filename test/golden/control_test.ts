/** Control commands: the records of 3.35, with the program as server and as client. */

import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { show, showRow } from "../../lib/table/show.ts";
import { newTable } from "../../lib/table/table.ts";
import { CONTROL_DEVIATIONS, designedControl } from "./control_deviations.ts";
import { writeAll } from "../../lib/base/bytes.ts";
import { connect, readText } from "../helpers/net/client.ts";
import { socketPath, talk } from "../helpers/net/control_socket.ts";
import { freePort } from "../helpers/net/ports.ts";
import {
  assertRecorded,
  bytesFromLatin1,
  loadGolden,
  type PortMap,
  type RecordedBackends,
  recordedBackends,
} from "../helpers/golden/golden.ts";
import { pool } from "../helpers/pool.ts";
import { runBalance } from "../helpers/program/start_balance.ts";
import { startControlled } from "../helpers/program/start_controlled.ts";
import { startBackground } from "../helpers/program/start_background.ts";
import { startShell } from "../helpers/program/start_shell.ts";
import { t, until } from "../helpers/t.ts";

interface ControlRecord {
  name: string;
  /** Arguments of the master; null for none. */
  setup: string[] | null;
  form: "-c" | "-i";
  argv: string[];
  stdin?: string;
  stdout: string;
  stderr: string;
  exit_code: number;
  /** The table afterwards. */
  show_after?: string;
  /** The files in the run directory afterwards. */
  files?: string[];
  rendezvous_file_created?: boolean;
  note?: string;
}

interface ShowRecord {
  name: string;
  setup: string[];
  shell_before: string | null;
  stdout: string;
}

/** How many scenes run concurrently; each is a master and its clients, one after another. */
const LIMIT = 3;
/** The maximum number of records of different masters that share one. */
const SHARED = 20;

/** What the client adds on stderr if there is no balance. */
const WHERE_IT_LOOKED =
  /^balance: found no balance that listens on [\d.]+:\d+: looked for balance\.\d+\.[\d.]+ in \/.*\n(balance: .*\n)*$/;

const records = designedControl("control", loadGolden<ControlRecord>("control"));
const tables = designedControl("show", loadGolden<ShowRecord>("show"));

/** Records that are played with one master, in order. */
interface Scene {
  readonly setup: string[] | null;
  readonly records: ControlRecord[];
}

const scenes = scenesOf(records);

/**
 * Records of the same master are played with one master, as they were recorded. Records that do not
 * change the table share a master too, whatever its port was; this is asserted after each.
 */
function scenesOf(all: readonly ControlRecord[]): Scene[] {
  const scenes = new Map<string, Scene>();
  const before = all.find(({ name }) => name === "show")?.stdout;
  let shared = 0;
  for (const record of all) {
    const own = record.setup?.find((word) => /^21\d{3}$/.test(word)) ?? "";
    const key = record.show_after !== before
      ? JSON.stringify(record.setup)
      : `unchanged ${Math.floor(shared++ / SHARED)} ` + record.setup?.join(" ").replace(own, "");
    const scene = scenes.get(key);
    if (scene === undefined) scenes.set(key, { setup: record.setup, records: [record] });
    else scene.records.push(record);
  }
  return [...scenes.values()];
}

/** The master of a scene. */
interface Master extends AsyncDisposable {
  readonly port: number;
  readonly rundir: string;
  /** Replaces `<PID>`; absent if no balance runs. */
  readonly pid?: number;
}

t(`${records.length} records of the control shell are reproduced`, async () => {
  assertEquals(records.length, 193);
  const name = (scene: Scene) => `${scene.records[0]?.name} ...`;
  await pool(scenes, { limit: LIMIT, name }, async (scene) => {
    await using stage = recordedBackends(2);
    await using master = await masterOf(scene, stage);
    for (const record of scene.records) await playRecord(record, { master, ports: stage.ports });
  });
});

async function playRecord(
  record: ControlRecord,
  { master, ports }: { master: Master; ports: PortMap },
): Promise<void> {
  const { port, rundir, pid } = master;
  const own = record.setup?.find((word) => /^21\d{3}$/.test(word)) ?? record.argv.at(-1);
  const argv = record.argv.map((word) => word === own && /^21/.test(word) ? "PORT" : word);
  const stdin = record.stdin === undefined
    ? {}
    : { stdin: { bytes: bytesFromLatin1(ports.here(record.stdin)) } };
  const ended = await runBalance(argv, { port, rundir, timeoutMs: 20_000, ...stdin });
  const { name } = record;
  const options = { ports, name, ...(pid === undefined ? {} : { pid }) };
  assertRecorded(ended.stdout, record.stdout, options);
  // Deviation 36.
  const isMissing = record.stdout === "no master process, exiting.\n" && record.stderr === "";
  if (isMissing) assertMatch(ended.stderr, WHERE_IT_LOOKED, name);
  else assertRecorded(ended.stderr, record.stderr, options);
  assertEquals(ended.code, record.exit_code, name);
  const files = [...Deno.readDirSync(rundir)].map((entry) => entry.name).sort();
  if (record.show_after !== undefined) {
    assertRecorded(await talk(socketPath(rundir, port), "show\n"), record.show_after, options);
  }
  if (record.files !== undefined) {
    const expected = record.files.map((file) => file.replace(String(own), String(port)));
    assertEquals(files, expected, name);
  }
  if (record.rendezvous_file_created !== undefined) {
    assertEquals(files.length > 0, record.rendezvous_file_created, name);
  }
}

async function masterOf({ setup, records }: Scene, { ports }: RecordedBackends): Promise<Master> {
  const [first] = records;
  assert(first);
  if (setup === null) return folder(freePort());
  if (first.name === "release_mismatch_357_master") return otherRelease("3.57");
  const own = setup.find((word) => /^21\d{3}$/.test(word)) ?? "";
  const argv = setup.map((word) => word === own ? "PORT" : ports.here(word));
  if (!setup.includes("-f")) return await startBackground(argv, { address: "127.0.0.1" });
  const balance = await startControlled(argv);
  if (first.note?.includes("SIGTERM")) await balance.stop();
  if (first.name.startsWith("counters_")) await connectOnce(balance);
  return balance;
}

/** A run directory without a master. */
function folder(port: number): Master {
  const rundir = Deno.makeTempDirSync({ prefix: "balance-test-" });
  return {
    port,
    rundir,
    [Symbol.asyncDispose]: () => Deno.remove(rundir, { recursive: true }),
  };
}

/** The socket of a master of another version. */
function otherRelease(version: string): Master {
  const master = folder(freePort());
  const path = socketPath(master.rundir, master.port);
  const listener = Deno.listen({ transport: "unix", path });
  async function answer(): Promise<void> {
    using conn = await listener.accept();
    await writeAll(conn, new TextEncoder().encode(`{"version":"${version}","pid":1}\n`));
    while (await conn.read(new Uint8Array(100)) !== null);
  }
  const answered = answer();
  return {
    ...master,
    async [Symbol.asyncDispose]() {
      await answered;
      listener.close();
      await master[Symbol.asyncDispose]();
    },
  };
}

/** One connection to channel 0: the client sends 6 bytes, the backend 9, including its name. */
async function connectOnce(balance: { port: number; rundir: string }): Promise<void> {
  await using client = await connect(balance.port);
  await client.send("hello\n");
  assertEquals(await readText(client, 9), "B0\nhello\n");
  await client.close();
  await noConnections(balance);
}

async function noConnections({ port, rundir }: { port: number; rundir: string }): Promise<void> {
  await until(async () => {
    const shown = await talk(socketPath(rundir, port), "show\n");
    return shown.split("\n").slice(1, -1).every((line) => line.trim().split(/\s+/)[6] === "0");
  }, { what: "all connections to end" });
}

const shown = tables.filter(({ name }) => name !== "large_counters");

t(`${shown.length} tables are printed by -c show as recorded`, async () => {
  assertEquals(tables.length, 12);
  await pool(shown, { limit: LIMIT, name: ({ name }) => name }, async (record) => {
    await using stage = recordedBackends(1);
    const { ports } = stage;
    const own = record.setup[1] ?? "";
    // In this record file 21001 is a backend.
    if (record.setup.includes("127.0.0.1:21001")) ports.set(21001, stage.backends[0]?.port ?? 0);
    const argv = record.setup.map((word) => word === own ? "PORT" : ports.here(word));
    await using balance = await startControlled(argv);
    const { port, rundir } = balance;
    if (record.shell_before !== null) {
      const stdin = { text: record.shell_before };
      const { code } = await runBalance(["-i", "PORT"], { port, rundir, stdin });
      assertEquals(code, 0);
    }
    await using clients = new AsyncDisposableStack();
    if (record.name === "twelve_connections") {
      for (let i = 0; i < 12; i++) {
        const client = clients.use(await connect(port));
        await client.send("x".repeat(1000));
        await readText(client, 1003);
      }
    }
    const ended = await runBalance(["-c", "show", "PORT"], { port, rundir });
    assertRecorded(ended.stdout, record.stdout, { ports, name: record.name });
    assertEquals([ended.code, ended.stderr], [0, ""]);
  });
});

t("a table with large counters is printed as recorded", () => {
  const record = tables.find(({ name }) => name === "large_counters");
  const maximum = 2n ** 64n - 1n;
  const values: [c: number, totalc: number, maxc: number, sent: bigint, rcvd: bigint][] = [
    [9999, 1215752191, 9999, 99999999999n, 99999999999n],
    [10000, 4294967295, 10000, 100000000000n, 1234567890123n],
    [-1, 0, 0, maximum, maximum],
    [123456, 4000000000, 123456, 0n, 1n],
    [7, 7, 7, 7n, 7n],
    [0, 0, 0, 0n, 0n],
  ];
  const rows = values.map(([c, totalc, maxc, sent, rcvd], channel) =>
    showRow({
      health: "up",
      weight: 1,
      group: 0,
      channel,
      type: "rr",
      state: [2, 3, 4].includes(channel) ? "disabled" : "enabled",
      address: new Uint8Array([255, 255, 255, 255]),
      port: 65535,
      c,
      totalc,
      maxc,
      sent,
      rcvd,
    })
  );
  const heading = show(newTable({ groups: 1, channels: 1, workers: 1 }));
  assertEquals(`${heading}${rows.join("\n")}\n`, record?.stdout);
});

t("counters in the shared table wrap at 2^64 as in 3.35", () => {
  const table = newTable({ groups: 1, channels: 1, workers: 1 });
  table.add(0, { address: new Uint8Array([127, 0, 0, 1]), port: 1 });
  for (let i = 0; i < 3; i++) table.addSent(table.account(0, 0), 2 ** 53);
  for (let i = 0; i < 2048; i++) table.addRcvd(table.account(0, 0), 2 ** 53);
  table.addRcvd(table.account(0, 0), 5);
  const { sent, rcvd } = table.row(0, 0);
  assertEquals([sent, rcvd], [3n * 2n ** 53n, 5n]);
});

t("an IPv6 address makes its row longer, like any long value", () => {
  const table = newTable({ groups: 1, channels: 2, workers: 1 });
  const address = new Uint8Array(16);
  address.set([0x20, 1, 0xd, 0xb8], 0);
  address.fill(0xff, 4);
  table.add(0, { address, port: 80 });
  table.add(0, { address: new Uint8Array(16).fill(1, 15), port: 80 });
  assertEquals(
    show(table).split("\n").slice(1),
    [
      "  0   RR  0 ENA 2001:db8:ffff:ffff:ffff:ffff:ffff:ffff    80    0" +
      "           0    0           0           0",
      "  0   RR  1 ENA              ::1    80    0           0    0           0           0",
      "",
    ],
  );
});

t("assign prints what 3.57 printed", async () => {
  interface Session {
    name: string;
    setup: string[];
    stdin: string;
    stdout: string;
  }
  const record = loadGolden<Session>("balancing_357")
    .find(({ name }) => name === "v357_assign_session");
  assert(record);
  await using stage = recordedBackends(0);
  const { ports } = stage;
  const argv = record.setup.map((word) => word === "21017" ? "PORT" : ports.here(word));
  await using balance = await startControlled(argv);
  const { port, rundir, pid } = balance;
  const ended = await runBalance(["-i", "PORT"], { port, rundir, stdin: { text: record.stdin } });
  // The limits are those of 3.35.
  const expected = record.stdout.replaceAll("3.57", "3.35")
    .replace("MAXGROUPS=32", "MAXGROUPS=16").replace("MAXCHANNELS=64", "MAXCHANNELS=16");
  assertRecorded(ended.stdout, expected, { ports, pid });
  assertEquals([ended.code, ended.stderr], [0, ""]);
});

t("-i writes its output to a pipe at once, unlike 3.35", async () => {
  await using balance = await startControlled(["-f", "PORT", "127.0.0.1:9"]);
  await using shell = startShell(balance);
  await shell.waitForStdout(/PID of master process is \d+\n\nbalance\[0\] $/);
  await shell.type("group 3\n");
  await shell.waitForStdout(/balance\[0\] balance\[3\] $/);
  await shell.type("bogus\n");
  await shell.waitForStdout(/balance\[3\] syntax error\nbalance\[3\] $/);
  assertEquals(await shell.end(), 0);
  assertEquals(shell.stdout.endsWith("balance[3] \n"), true);
});

t("every deviation of control, show and background names a record and differs from it", () => {
  for (const { file, name, number, reason, designed } of CONTROL_DEVIATIONS) {
    const record = loadGolden<{ name: string } & Record<string, unknown>>(file)
      .find((one) => one.name === name);
    assert(record, `${file}.json has no record ${name}`);
    assert(reason.length > 10, name);
    assert(Number.isInteger(number) && number >= 1, name);
    assert(Object.keys(designed).length > 0, name);
    for (const [field, value] of Object.entries(designed)) {
      assertNotEquals(record[field], value, `${name}: ${field}`);
    }
  }
  const names = CONTROL_DEVIATIONS.map(({ file, name }) => `${file}: ${name}`);
  assertEquals(names.length, new Set(names).size);
});
