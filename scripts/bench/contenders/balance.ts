import type { Contender, Missing, Place, Start } from "./contender.ts";
import { output } from "../system/programs.ts";

const ROOT = new URL("../../../", import.meta.url);

/**
 * This program: from source with the permissions of the task `balance`, or the compiled file named
 * by BALANCE_BIN.
 */
export async function findBalance(): Promise<Contender | Missing> {
  const how = await balanceCommand();
  if (!Array.isArray(how)) return { name: "balance", ...how };
  return { name: "balance", version: await version(how), start: (place) => start(how, place, []) };
}

/** This program with two workers, for the workers figures. */
export async function findBalanceX2(): Promise<Contender | Missing> {
  const name = "balance-x2";
  const how = await balanceCommand();
  if (!Array.isArray(how)) return { name, ...how };
  const { text } = await output([...how, "--help"]);
  if (!text.includes("--workers")) return { name, missing: "balance does not know --workers" };
  return {
    name,
    version: await version(how),
    only: "workers",
    start: (place) => start(how, place, ["--workers", "2"]),
  };
}

function start(how: readonly string[], place: Place, more: readonly string[]): Start {
  const { port, backendPort, folder } = place;
  const args = [
    "-f",
    "-b",
    "127.0.0.1",
    "-T",
    "3600",
    ...more,
    `${port}`,
    `127.0.0.1:${backendPort}`,
  ];
  return {
    command: [...how, ...args],
    env: { BALANCE_RUNDIR: folder, DENO_NO_UPDATE_CHECK: "1", NO_COLOR: "1" },
  };
}

async function balanceCommand(): Promise<string[] | { missing: string }> {
  const compiled = Deno.env.get("BALANCE_BIN");
  if (compiled !== undefined && compiled !== "") {
    // It is started in a folder of its own.
    return [compiled.startsWith("/") ? compiled : `${Deno.cwd()}/${compiled}`];
  }
  const main = new URL("main.ts", ROOT).pathname;
  try {
    await Deno.stat(main);
  } catch {
    return { missing: "no main.ts and no BALANCE_BIN" };
  }
  const config = JSON.parse(await Deno.readTextFile(new URL("deno.json", ROOT)));
  const task: unknown = config?.tasks?.balance?.command;
  if (typeof task !== "string") return { missing: "no task [balance] in deno.json" };
  const flags = task.split(" ").filter((word) => word.startsWith("--"));
  return [Deno.execPath(), "run", ...flags, main];
}

async function version(how: readonly string[]): Promise<string> {
  const { text } = await output([...how, "--version"]);
  const number = /\d+\.\d+(\.\d+)?\S*/.exec(text)?.[0] ?? "version unknown";
  return how.length === 1
    ? `${number} (compiled)`
    : `${number} (source, Deno ${Deno.version.deno})`;
}
