import type { Contender, Missing, Place, Start } from "./contender.ts";
import { exists } from "../../system/files.ts";
import { output } from "../system/output.ts";

const ADDRESS = "127.0.0.1";
const ROOT = new URL("../../../", import.meta.url);

/** A way to run balance. */
interface Variant {
  readonly name: string;
  readonly only?: "workers";
  readonly args: readonly string[];
  /** An option that older programs do not know. */
  readonly needs?: string;
}

const VARIANTS: readonly Variant[] = [
  { name: "balance", args: [] },
  { name: "balance-epoll", args: ["--engine", "epoll"], needs: "--engine" },
  { name: "balance-x2", only: "workers", args: ["--workers", "2"], needs: "--workers" },
  {
    name: "balance-epoll-x2",
    only: "workers",
    args: ["--engine", "epoll", "--workers", "2"],
    needs: "--engine",
  },
];

/**
 * balance: from source with the permissions of the task `balance`, or the executable BALANCE_BIN.
 * Each of its two engines takes part with one worker and, for the workers figures, with two.
 */
export async function findBalance(): Promise<(Contender | Missing)[]> {
  const command = await balanceCommand();
  if (!Array.isArray(command)) return VARIANTS.map(({ name }) => ({ name, ...command }));
  const [known, help] = [await version(command), (await output([...command, "--help"])).text];
  return VARIANTS.map(({ name, only, args, needs = "" }) => {
    if (!help.includes(needs)) return { name, missing: `it has no option ${needs}` };
    return {
      name,
      version: known,
      ...(only === undefined ? {} : { only }),
      controlSocket: ({ folder, port }) => `${folder}/balance.${port}.${ADDRESS}`,
      start: (place) => start(command, place, args),
    };
  });
}

function start(command: readonly string[], place: Place, more: readonly string[]): Start {
  const { port, backendPort, folder } = place;
  const args = ["-f", "-b", ADDRESS, "-T", "3600", ...more, `${port}`, `${ADDRESS}:${backendPort}`];
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
