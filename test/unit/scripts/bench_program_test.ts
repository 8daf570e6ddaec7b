import { assert, assertEquals, assertMatch } from "@std/assert";
import { printed, run } from "../../../scripts/system/command.ts";
import { t, tool, withTools } from "../../helpers/t.ts";
import { tempDir } from "../../helpers/temp_dir.ts";

const BENCH = new URL("../../../scripts/bench/bench.ts", import.meta.url).pathname;

// Without a compiler the load in TypeScript would take all of the time.
withTools(
  ["cc"],
  "bench measures control commands of balance while requests keep it busy",
  async () => {
    using folder = tempDir();
    const json = `${folder.path}/values.json`;
    const outcome = await run(
      [
        ...[Deno.execPath(), "run", "-A", BENCH, "--quick", "--only", "control"],
        ...["--contenders", "nothing", "--json", json],
      ],
      { limit: 90_000 },
    );
    const text = printed(outcome);
    assertEquals(outcome.code, 0, text);
    const { samples, missing } = JSON.parse(await Deno.readTextFile(json));
    const [median] = samples["control.p50"].balance, [worst] = samples["control.worst"].balance;
    assert(median > 0 && median <= worst, text);
    assertMatch(text, /^show under load, worst of 100 +ms +\d+\.\d/m);
    assertMatch(text, /^show under full load, worst of 100 +balance-epoll .* not measured$/m);
    const reasons = missing.map((
      { name, missing: reason }: Record<string, string>,
    ) => [name, reason]);
    const notSelected = "not selected by --contenders";
    assertEquals(Object.fromEntries(reasons)["balance-epoll"], notSelected);
    assertEquals(
      Object.fromEntries(reasons)["haproxy"],
      tool("haproxy") === undefined ? "not installed" : notSelected,
    );
  },
);

t("bench names the reason for an unknown kind", async () => {
  const outcome = await run(
    [Deno.execPath(), "run", "-A", BENCH, "--only", "lows"],
    { limit: 30_000 },
  );
  assertEquals(outcome.code, 64);
  assertMatch(outcome.stderr, /unknown kind \[lows\], one of request, .*low, control,/);
});
