/** The command line as 3.35 took it: each record with the real program as a subprocess. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { serviceLookup } from "../../lib/address/services.ts";
import { listeningAddress } from "../../lib/process/listen.ts";
import { designed } from "./deviations.ts";
import { assertRecorded, loadGolden, type PortMap, portMap } from "../helpers/golden/golden.ts";
import { pool } from "../helpers/pool.ts";
import { runBalance, startBalance } from "../helpers/program/start_balance.ts";
import { t, tool } from "../helpers/t.ts";

interface CliRecord {
  name: string;
  argv: string[];
  stdout?: string;
  stderr?: string;
  /** Absent or null for one that runs. */
  exit_code?: number | null;
  keeps_running: boolean;
  usage?: { options_listed: string[] };
  /** `ADDRESS:PORT` that was really bound. */
  listening_on?: string | null;
  listen_backlog_shown?: number;
}

/** Side by side; each is a fraction of a second of one core. */
const LIMIT = 3;
/** Ports of the records that are the program's own; `PORT` is what the helpers replace. */
const OWN_PORT = /\b(21001|20464)\b/g;
/** The port that something listens on already, at 127.0.0.1. */
const TAKEN = 21777;
/** Records of the background, whose messages and codes belong to that mode's tests. */
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
/** Ports that are no free ones: `startBalance` is told them. */
const FIXED: Readonly<Record<string, { port: number; argv: string[] }>> = {
  port_65535: fixed(65535, "65535"),
  port_name_known: fixed(25, "smtp"),
};

t("every record of the command line is run here, or named as one of the background", () => {
  console.log(`skipped here: ${BACKGROUND.length} records of the background`);
  assertEquals(all.length, 88);
  assertEquals(ends.length + runs.length + BACKGROUND.length, all.length);
});

t(
  `the ${ends.length} command lines that 3.35 refuses end with its lines and exit codes`,
  async () => {
    const ports = portMap();
    using _taken = Deno.listen({ hostname: "127.0.0.1", port: ports.port(TAKEN) });
    await pool(ends, { limit: LIMIT, name: (one) => one.name }, async (record) => {
      const ended = await runBalance(argvOf(record, ports), { timeoutMs: 20_000 });
      assertRecorded(ended.stdout, record.stdout ?? "", { ports });
      assertRecorded(ended.stderr, record.stderr ?? "", { ports });
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
    // Only this record wants a port of the program that is taken elsewhere.
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

t("the name of a service is its port", async () => {
  const services = serviceLookup(undefined);
  const at = { port: "smtp", bindHost: undefined, ipv6: false };
  assertEquals(await listeningAddress(at, services), { address: "0.0.0.0", port: 25 });
});

function argvOf(record: CliRecord, ports: PortMap): string[] {
  return ports.argv(record.argv.map((word) => word.replaceAll(OWN_PORT, "PORT")));
}

/** A port that is meant as it is gets an address of its own, so that it is free. */
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

/** Address, port and backlog of the listening socket, as the system shows them. */
function assertListens(port: number, record: CliRecord): void {
  const ss = tool("ss");
  if (ss === undefined) {
    console.log(`skipped: ${record.name}: ss is not installed, which shows address and backlog`);
    return;
  }
  const { stdout } = new Deno.Command(ss, { args: ["-Hltn", `sport = :${port}`] }).outputSync();
  const [, , backlog, local] = new TextDecoder().decode(stdout).trim().split(/\s+/);
  assertEquals(local, (record.listening_on ?? "").replace(OWN_PORT, String(port)));
  const most = Number(Deno.readTextFileSync("/proc/sys/net/core/somaxconn"));
  assert(
    Number(backlog) === Math.min(record.listen_backlog_shown ?? 0, most),
    `backlog ${backlog}`,
  );
}
