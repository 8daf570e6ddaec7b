/**
 * Peers that reset a connection right after it was established. Depending on the delay, the runtime
 * reports that as an error of connect or accept, of a later call, or of the first read.
 */

import { assertEquals } from "@std/assert";
import { linesOf, waitForLines } from "../../helpers/log/log_file.ts";
import { named } from "../../helpers/net/backends.ts";
import { ask, tally } from "../../helpers/net/client.ts";
import { showRows } from "../../helpers/net/control_socket.ts";
import { connectAndReset, resettingAfter } from "../../helpers/net/resetters.ts";
import { programBindsSource } from "../../helpers/program/binds_source.ts";
import { type Controlled, startControlled } from "../../helpers/program/start_controlled.ts";
import { skip, until, withTools } from "../../helpers/t.ts";
import { tempDir } from "../../helpers/temp_dir.ts";

const CONNECTIONS = 40;

/** Makes {@link CONNECTIONS} at once; the more at once, the later the program looks at each. */
async function askAtOnce(port: number): Promise<string[]> {
  return await Promise.all(Array.from({ length: CONNECTIONS }, () => ask(port)));
}

/** State, `c` and `totalc` of each channel. */
async function channels({ socket }: Controlled): Promise<unknown[]> {
  return (await showRows(socket)).map(({ state, c, totalc }) => [state, c, totalc]);
}

async function assertEstablished(delayMs: number, more: readonly string[] = []): Promise<void> {
  await using resetting = await resettingAfter(delayMs);
  await using other = named("B1");
  using dir = tempDir();
  const log = `${dir.path}/log`;
  await using balance = await startControlled(
    ["-f", "-a", "-p", "--log", log, ...more, "PORT", resetting.address, "!", other.address],
  );
  const answers = await askAtOnce(balance.port);
  const reasons = (await waitForLines(log, CONNECTIONS))
    .map((line) => /reason=(\w+) attempts=(\d+ failed=\S+)/.exec(line)?.slice(1).join(" ") ?? line);
  assertEquals(tally(reasons), `backend_reset 1 failed=-: ${CONNECTIONS}`);
  assertEquals(answers.filter((answer) => answer !== "EOF" && answer !== "RST"), []);
  assertEquals(await channels(balance), [["ENA", 0, CONNECTIONS], ["ENA", 0, 0]]);
  assertEquals(other.accepted, 0);
  const { stdout } = await balance.stop();
  assertEquals(stdout, "-< -1\n\n".repeat(CONNECTIONS));
}

for (const ms of [0, 0.1, 0.5, 2]) {
  withTools(
    ["python3"],
    `a backend that resets ${ms} ms after accept was connected to: no failover, not disabled`,
    () => assertEstablished(ms),
  );
}

const withSource = "a backend that resets at once was connected to, also from a source address";
if (await programBindsSource()) {
  withTools(["python3"], withSource, () => assertEstablished(0, ["-B", "127.0.0.1"]));
} else skip(withSource, "the program does not support -B");

withTools(["python3"], "clients that connect and reset at once are in the access log", async () => {
  await using server = named("B0");
  using dir = tempDir();
  const log = `${dir.path}/log`;
  await using balance = await startControlled(["-f", "--log", log, "PORT", server.address]);
  await connectAndReset(balance.port, CONNECTIONS);
  assertEquals(await ask(balance.port), "B0");
  await until(() => linesOf(log).length > CONNECTIONS, {
    what: () => `${linesOf(log).length} lines of ${CONNECTIONS + 1}`,
  });
  const reset = linesOf(log).filter((line) => / by=client reason=client_(left|reset) /.test(line));
  assertEquals(reset.length, CONNECTIONS);
  assertEquals(new Set(linesOf(log).map((line) => / id=(\d+) /.exec(line)?.[1])).size, 41);
});
