/** `--list`: the balances that run on this host. */

import { EXIT } from "../base/errors.ts";
import { shortDuration } from "./top/short_duration.ts";
import { userName } from "../system/user_name.ts";
import { findInstances, type Instance } from "./instances.ts";
import type { Print } from "./terminal/terminal.ts";

/**
 * Prints a table of the balances that this user may control, or JSON. Root sees those of all users,
 * and whose they are.
 *
 * @returns The exit code 0, also if there are none.
 */
export async function runList({ json, print }: { json: boolean; print: Print }): Promise<number> {
  const instances = await findInstances();
  const text = json ? listJson(instances) : listTable(instances, { users: Deno.uid() === 0 });
  print(new TextEncoder().encode(text));
  return EXIT.ok;
}

type Column = [title: string, cell: (instance: Instance) => string, left?: "left"];

const COLUMNS: readonly Column[] = [
  ["PID", ({ pid }) => String(pid ?? "-")],
  ["ADDRESS", ({ at }) => at.address, "left"],
  ["PORT", ({ at }) => String(at.port)],
  ["VERSION", ({ version }) => version ?? "-", "left"],
  ["UPTIME", ({ uptimeMs }) => uptimeMs === undefined ? "-" : shortDuration(uptimeMs)],
  ["OPEN", ({ open }) => String(open ?? "-")],
  ["STATE", ({ state }) => state, "left"],
];
const USER: Column = ["USER", ({ uid }) => userName(uid), "left"];

/** The table: a heading, and a line for each balance. */
function listTable(instances: readonly Instance[], { users }: { users: boolean }): string {
  const columns = users ? [...COLUMNS, USER] : COLUMNS;
  const rows = [
    columns.map(([title]) => title),
    ...instances.map((instance) => columns.map(([, cell]) => cell(instance))),
  ];
  const widths = columns.map((_, at) => Math.max(...rows.map((row) => row[at]!.length)));
  return rows.map((row) => {
    const cells = row.map((cell, at) =>
      columns[at]![2] ? cell.padEnd(widths[at]!) : cell.padStart(widths[at]!)
    );
    return `${cells.join("  ").trimEnd()}\n`;
  }).join("");
}

/** An array of objects; what is unknown is `null`. */
function listJson(instances: readonly Instance[]): string {
  const objects = instances.map(({ pid, at, version, uptimeMs, open, state, uid, path }) => ({
    pid: pid ?? null,
    address: at.address,
    port: at.port,
    version: version ?? null,
    uptimeMs: uptimeMs ?? null,
    open: open ?? null,
    state,
    uid,
    socket: path,
  }));
  return `${JSON.stringify(objects, null, 2)}\n`;
}
