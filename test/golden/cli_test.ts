/** The command line as in 3.35: each record with the program as a subprocess. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { serviceLookup } from "../../lib/address/services.ts";
import { listeningAddress } from "../../lib/address/listening_address.ts";
import { designed } from "./deviations.ts";
import { assertRecorded, loadGolden, type PortMap, portMap } from "../helpers/golden/golden.ts";
import { freePort } from "../helpers/net/ports.ts";
import { pool } from "../helpers/pool.ts";
import { runBalance, startBalance } from "../helpers/program/start_balance.ts";
import { t, tool } from "../helpers/t.ts";

interface CliRecord {
  name: string;
  argv: string[];
  stdout?: string;
  stderr?: string;
  /** Absent or null if the program keeps running. */
  exit_code?: number | null;
  keeps_running: boolean;
  usage?: { options_listed: string[] };
  /** The bound `ADDRESS:PORT`. */
  listening_on?: string | null;
  listen_backlog_shown?: number;
}

/** How many run concurrently; each takes a fraction of a second of one core. */
const LIMIT = 3;
/** Ports in the records that the program listens on; the helpers replace `PORT`. */
const OWN_PORT = /\b(21001|20464)\b/g;
/** A port on 127.0.0.1 that is already in use. */
const TAKEN = 21777;
/** Records of background mode, which are played in background_test.ts. */
const BACKGROUND = [
  "background_unknown_host",
  "background_channels_16",
  "background_bang_first",
  "address_in_use_background",
  "b_not_local_background",
];

const all = designed("cli", loadGolden<CliRecord>("cli"));
const records = all.filter(({ name }) => !BACKGROUND.includes(name));
const ends = records.filter(({ keeps_running }) => !keeps_running);
const runs = records.filter(({ keeps_running }) => keeps_running);
/** Records with a fixed port instead of a free one. */
const FIXED: Readonly<Record<string, { port: number; argv: string[] }>> = {
  port_65535: fixed(65535, "65535"),
  port_name_known: fixed(25, "smtp"),
};

t("every record of the command line is run here or belongs to background mode", () => {
  console.log(`skipped here: ${BACKGROUND.length} records of the background`);
  assertEquals(all.length, 88);
  assertEquals(ends.length + runs.length + BACKGROUND.length, all.length);
});

t(
  `the ${ends.length} command lines that 3.35 refuses end with its messages and exit codes`,
  async () => {
    const ports = portMap();
    using _taken = Deno.listen({ hostname: "127.0.0.1", port: ports.port(TAKEN) });
    await pool(ends, { limit: LIMIT, name: (one) => one.name }, async (record) => {
      const port = freePort();
      const ended = await runBalance(argvOf(record, ports), { timeoutMs: 20_000, port });
      assertRecorded(ended.stdout, record.stdout ?? "", { ports });
      const stderr = ended.stderr.replaceAll(`:${port}:`, ":21001:");
      assertRecorded(stderr, record.stderr ?? "", { ports });
      assertEquals(ended.code, record.exit_code);
      for (const option of record.usage?.options_listed ?? []) {
        assertStringIncludes(ended.stdout + ended.stderr, `\n  ${option} `);
      }
    });
  },
);

t(`the ${runs.length} command lines that 3.35 accepts are accepted`, async () => {
  const ports = portMap();
  using _taken = Deno.listen({ hostname: "127.0.0.1", port: ports.port(TAKEN) });
  await pool(runs, { limit: LIMIT, name: (one) => one.name }, async (record) => {
    const own = FIXED[record.name];
    if (own !== undefined && !canListen(own.argv[2] ?? "", own.port)) {
      console.log(`skipped: ${record.name}: port ${own.port} cannot be bound here`);
      return;
    }
    // Only this record listens on a port that is in use on another address.
    const port = own?.port ??
      (record.argv.includes(String(TAKEN)) ? ports.port(TAKEN) : undefined);
    const argv = own?.argv ?? argvOf(record, ports);
    await using balance = await startBalance(argv, {
      expectStderr: "any",
      ...(port === undefined ? {} : { port }),
    });
    if (record.listening_on) assertListens(balance.port, record);
    const ended = await balance.stop();
    assertRecorded(ended.stdout, record.stdout ?? "", { ports });
    assertRecorded(ended.stderr, record.stderr ?? "", { ports });
    assertEquals([ended.code, ended.signal], [0, null]);
  });
});

t("a service name as port is looked up", async () => {
  const services = serviceLookup(undefined);
  const at = { port: "smtp", bindHost: undefined, ipv6: false };
  assertEquals(await listeningAddress(at, services), { address: "0.0.0.0", port: 25 });
});

function argvOf(record: CliRecord, ports: PortMap): string[] {
  return ports.argv(record.argv.map((word) => word.replaceAll(OWN_PORT, "PORT")));
}

/** A fixed port on a random loopback address, where it is free. */
function fixed(port: number, word: string): { port: number; argv: string[] } {
  const address = `127.${[0, 0, 0].map(() => 1 + Math.floor(Math.random() * 250)).join(".")}`;
  return { port, argv: ["-f", "-b", address, word, "127.0.0.1:21901"] };
}

function canListen(hostname: string, port: number): boolean {
  try {
    Deno.listen({ hostname, port }).close();
    return true;
  } catch {
    return false;
  }
}

/** Asserts address, port and backlog of the listening socket, as ss(8) shows them. */
function assertListens(port: number, record: CliRecord): void {
  const ss = tool("ss");
  if (ss === undefined) {
    console.log(`skipped: ${record.name}: ss is not installed, which shows address and backlog`);
    return;
  }
  const { stdout } = new Deno.Command(ss, { args: ["-Hltn", `sport = :${port}`] }).outputSync();
  const [, , backlog, local] = new TextDecoder().decode(stdout).trim().split(/\s+/);
  assertEquals(local, (record.listening_on ?? "").replace(OWN_PORT, String(port)));
  const maximum = Number(Deno.readTextFileSync("/proc/sys/net/core/somaxconn"));
  assert(
    Number(backlog) === Math.min(record.listen_backlog_shown ?? 0, maximum),
    `backlog ${backlog}`,
  );
}
