/** `--list`: the balances that run on this host. */

import { EXIT } from "../base/errors.ts";
import { type Column, textTable } from "./text/text_table.ts";
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
  const text = json ? listJson(instances) : listText(instances);
  print(new TextEncoder().encode(text));
  return EXIT.ok;
}

/** The balances on one port as a table, for the command `instances`. */
export async function listOfPort(port: number): Promise<string> {
  return listText(await findInstances({ port }));
}

function listText(instances: readonly Instance[]): string {
  return textTable(instances, Deno.uid() === 0 ? [...COLUMNS, USER] : COLUMNS);
}

const COLUMNS: readonly Column<Instance>[] = [
  ["PID", ({ pid }) => String(pid ?? "-")],
  ["ADDRESS", ({ at }) => at.address, "left"],
  ["PORT", ({ at }) => String(at.port)],
  ["VERSION", ({ version }) => version ?? "-", "left"],
  ["UPTIME", ({ uptimeMs }) => uptimeMs === undefined ? "-" : shortDuration(uptimeMs)],
  ["OPEN", ({ open }) => String(open ?? "-")],
  ["STATE", ({ state }) => state, "left"],
];
const USER: Column<Instance> = ["USER", ({ uid }) => userName(uid), "left"];

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
