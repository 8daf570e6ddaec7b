import type { Contender, Missing, Place, Start } from "./contender.ts";
import { exists } from "../../system/files.ts";
import { output } from "../system/output.ts";

const ROOT = new URL("../../../", import.meta.url);

/** balance: from source with the permissions of the task `balance`, or the executable BALANCE_BIN. */
export async function findBalance(): Promise<Contender | Missing> {
  const command = await balanceCommand();
  if (!Array.isArray(command)) return { name: "balance", ...command };
  return {
    name: "balance",
    version: await version(command),
    start: (place) => start(command, place, []),
  };
}

/** balance with two workers, for the workers figures. */
export async function findBalanceX2(): Promise<Contender | Missing> {
  const name = "balance-x2";
  const command = await balanceCommand();
  if (!Array.isArray(command)) return { name, ...command };
  const { text } = await output([...command, "--help"]);
  if (!text.includes("--workers")) return { name, missing: "it has no option --workers" };
  return {
    name,
    version: await version(command),
    only: "workers",
    start: (place) => start(command, place, ["--workers", "2"]),
  };
}

function start(command: readonly string[], place: Place, more: readonly string[]): Start {
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
    command: [...command, ...args],
    env: { BALANCE_RUNDIR: folder, DENO_NO_UPDATE_CHECK: "1", NO_COLOR: "1" },
  };
}

async function balanceCommand(): Promise<string[] | { missing: string }> {
  const compiled = Deno.env.get("BALANCE_BIN");
  if (compiled !== undefined && compiled !== "") {
    // It is started in another working directory.
    return [compiled.startsWith("/") ? compiled : `${Deno.cwd()}/${compiled}`];
  }
  const main = new URL("main.ts", ROOT).pathname;
  if (!await exists(main)) return { missing: "no main.ts and no BALANCE_BIN" };
  const config = JSON.parse(await Deno.readTextFile(new URL("deno.json", ROOT)));
  const task: unknown = config?.tasks?.balance?.command;
  if (typeof task !== "string") return { missing: "no task [balance] in deno.json" };
  const flags = task.split(" ").filter((word) => word.startsWith("--"));
  return [Deno.execPath(), "run", ...flags, main];
}

async function version(command: readonly string[]): Promise<string> {
  const { text } = await output([...command, "--version"]);
  const number = /\d+\.\d+(\.\d+)?\S*/.exec(text)?.[0] ?? "version unknown";
  return command.length === 1
    ? `${number} (compiled)`
    : `${number} (source, Deno ${Deno.version.deno})`;
}
