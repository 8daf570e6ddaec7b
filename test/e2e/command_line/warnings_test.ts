/** An administrator's command line works, but not as intended: balance prints a warning and continues. */

import { assertEquals } from "@std/assert";
import { named } from "../../helpers/net/backends.ts";
import { distribution } from "../../helpers/net/client.ts";
import { startBackground } from "../../helpers/program/start_background.ts";
import { runBalance } from "../../helpers/program/start_balance.ts";
import { startControlled } from "../../helpers/program/start_controlled.ts";
import { t } from "../../helpers/t.ts";

const NO_CHANNELS =
  "balance: warning: no channels given, clients are disconnected until one is created\n";
const BLANK = "balance: warning: channel [9101] is the address 0.0.35.141, not a port; " +
  "a colon precedes the port: 127.0.0.1:9101\n";

t("in the foreground, warnings are printed once and it serves as in 3.35", async () => {
  await using server = named("B0");
  const cases: [argv: string[], warning: string][] = [
    [
      [`${server.address}:10:5`],
      `balance: warning: channel [${server.address}:10:5]: [:5] is ignored, nothing follows maxc\n`,
    ],
    [
      [`${server.address}:-1`, server.address],
      `balance: warning: channel [${server.address}:-1]: maxc -1 allows no connections; ` +
      "0 means no limit\n",
    ],
    [["-T", "5m", server.address], "balance: warning: -T [5m] is read as 5 seconds\n"],
    [["--strict", server.address], "balance: warning: --strict has no effect without -c\n"],
    [
      ["--interval", "1", server.address],
      "balance: warning: --interval [1]: no channel has a check, see --check\n",
    ],
    [
      ["--schedule", "first", `${server.address},weight=3`],
      `balance: warning: channel [${server.address},weight=3]: the schedule first ignores the ` +
      "weight 3\n",
    ],
    [["--schedule", "0=rr", "--wait", "1", `${server.address},weight=3`, "!"], ""],
    [[server.address], ""],
  ];
  for (const [argv, warning] of cases) {
    await using balance = await startControlled(["-f", "PORT", ...argv], { expectStderr: "any" });
    assertEquals(await distribution(balance.port, 2), "B0: 2");
    const { code, stderr } = await balance.stop();
    assertEquals([stderr, code], [warning, 0]);
  }
});

t("the parent of the background prints the warnings, and the background serves", async () => {
  await using balance = await startBackground(["PORT", "127.0.0.1", "9101"]);
  assertEquals([balance.parent.stderr, balance.parent.stdout], [BLANK, ""]);
  await using empty = await startBackground(["PORT"]);
  assertEquals([empty.parent.stderr, empty.parent.stdout], [NO_CHANNELS, ""]);
});

t("warnings do not hide an error: only the error is printed", async () => {
  for (const mode of [["-f"], []]) {
    const { code, stderr } = await runBalance([...mode, "PORT", "127.0.0.1", "9101", "no..such"]);
    assertEquals([stderr, code], ["unknown or invalid address [no..such]\n", 65]);
  }
});

t("-c warns about options that it ignores, and its output is the same", async () => {
  await using balance = await startControlled(["-f", "PORT", "127.0.0.1:9"]);
  const { port, rundir } = balance;
  const plain = await runBalance(["-c", "show", "PORT"], { port, rundir });
  assertEquals([plain.stderr, plain.code], ["", 0]);
  const odd = await runBalance(["--grace", "5", "-c", "show", "PORT"], { port, rundir });
  assertEquals(odd.stderr, "balance: warning: --grace has no effect with -c\n");
  assertEquals([odd.stdout, odd.code], [plain.stdout, 0]);
  // Options of 3.35 may be shared with those of the listener, as in a script's variable.
  const classic = await runBalance(["-t", "3", "-a", "-c", "show", "PORT"], { port, rundir });
  assertEquals([classic.stderr, classic.stdout], ["", plain.stdout]);
});
