/** What tests of the unit do with a real systemd. */

import { assertEquals } from "@std/assert";
import { WORKERS } from "../program/program.ts";
import { skip, t, until } from "../t.ts";
import { startSystemd, type Systemd, systemdObstacle } from "./start_systemd.ts";

/** The instance that tests start. */
export const UNIT = "balance@web.service";
const reason = await systemdObstacle();

/** Registers a test with a running systemd. */
export function withSystemd(name: string, fn: (systemd: Systemd) => Promise<void>): void {
  if (reason !== undefined) return skip(name, reason);
  t(name, async () => {
    await using systemd = await startSystemd();
    await fn(systemd);
  });
}

/** Writes the file of an instance, without the number of workers. */
export async function configure(
  systemd: Systemd,
  lines: readonly string[],
  instance = "web",
): Promise<void> {
  const all = WORKERS > 1 ? [`workers ${WORKERS}`, ...lines] : lines;
  await Deno.writeTextFile(systemd.path(`/etc/balance/${instance}.conf`), `${all.join("\n")}\n`);
}

/** Runs systemctl; the test fails if it fails. */
export async function systemctl(systemd: Systemd, ...args: string[]): Promise<void> {
  const { code, stdout, stderr } = await systemd.run("systemctl", ...args);
  assertEquals(code, 0, `${stdout}${stderr}${await systemd.journal(UNIT)}`);
}

/** Sets the time limit of systemd for a stop to a second. */
export async function limitStop(systemd: Systemd): Promise<void> {
  await Deno.mkdir(systemd.path(`/etc/systemd/system/${UNIT}.d`));
  await Deno.writeTextFile(
    systemd.path(`/etc/systemd/system/${UNIT}.d/short.conf`),
    "[Service]\nTimeoutStopSec=1s\n",
  );
  await systemctl(systemd, "daemon-reload");
}

/** Waits until the unit is in a state. */
export async function state(systemd: Systemd, expected: string, unit = UNIT): Promise<void> {
  let now = "";
  await until(async () => (now = await systemd.property(unit, "ActiveState")) === expected, {
    timeoutMs: 30_000,
    everyMs: 50,
    what: () => `${unit} to be ${expected}, it is ${now}`,
  });
}

/** The exit codes of the service so far, in the order of their times. */
export async function exitCodes(systemd: Systemd): Promise<string[]> {
  const journal = await systemd.journal(UNIT);
  return [...journal.matchAll(/Main process exited, code=exited, status=(\d+)/g)]
    .map(([, code = ""]) => code);
}

/** Runs balance as root, with no environment but PATH; the test fails if it fails. */
export async function balance(systemd: Systemd, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await systemd.run("balance", ...args);
  assertEquals([code, stderr], [0, ""], stdout);
  return stdout;
}
