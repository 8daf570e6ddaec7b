/** Channel arguments as in 3.35, from the text to the row of `show`. */

import { tableOf } from "../helpers/table_of.ts";
import { assertEquals, assertRejects } from "@std/assert";
import { formatIp } from "../../lib/address/ip.ts";
import { serviceLookup } from "../../lib/address/services.ts";
import { ExitError } from "../../lib/base/errors.ts";
import { parseGroups } from "../../lib/cli/groups.ts";
import { showRow } from "../../lib/table/show.ts";
import type { ChannelRow } from "../../lib/table/table.ts";
import { designed } from "./deviations.ts";
import { loadGolden } from "../helpers/golden/golden.ts";
import { pool } from "../helpers/pool.ts";
import { runBalance } from "../helpers/program/start_balance.ts";
import { t } from "../helpers/t.ts";

interface ChannelSpecRecord {
  spec: string;
  listen_port: number;
  /** Absent or null if the argument is refused. */
  show_row?: string | null;
  ip?: string;
  port?: number;
  maxc?: number;
  exit_code?: number;
  stderr?: string;
}

const records = designed("channel_spec", loadGolden<ChannelSpecRecord>("channel_spec"));
const good = records.filter(({ show_row }) => show_row);
const bad = records.filter(({ show_row }) => !show_row);

/** The row of a table with only this channel. */
async function rowOf({ spec, listen_port }: ChannelSpecRecord): Promise<ChannelRow> {
  const size = { groups: 16, channels: 16, workers: 1 };
  const groups = parseGroups([spec], {
    defaultPort: listen_port,
    // The built-in service table, so that the host's file does not matter.
    services: serviceLookup(undefined),
    maxGroups: size.groups,
    maxChannels: size.channels,
  });
  return (await tableOf(groups, { size })).row(0, 0);
}

t(`${good.length} channel arguments have the address, port, maxc and row of 3.35`, async () => {
  for (const record of good) {
    const row = await rowOf(record);
    assertEquals(showRow(row), record.show_row, record.spec);
    assertEquals(
      [formatIp(row.address), row.port, row.maxc],
      [record.ip, record.port, record.maxc],
      record.spec,
    );
  }
});

t(`${bad.length} channel arguments are refused with an error that names the value`, async () => {
  assertEquals(good.length + bad.length, 42);
  for (const record of bad) {
    const error = await assertRejects(() => rowOf(record), ExitError, undefined, record.spec);
    assertEquals([error.exitCode, `${error.message}\n`], [record.exit_code, record.stderr]);
  }
});

t("the program ends with the error of a refused channel argument and its exit code", async () => {
  await pool(bad, { limit: 3, name: ({ spec }) => spec }, async (record) => {
    const ended = await runBalance(["-f", "PORT", record.spec], { timeoutMs: 20_000 });
    assertEquals(ended.stdout, "");
    assertEquals([ended.code, ended.stderr], [record.exit_code, record.stderr]);
  });
});
