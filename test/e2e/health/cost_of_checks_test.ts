import { assert, assertEquals } from "@std/assert";
import { startBackend } from "../../helpers/check/backend_process.ts";
import { talk } from "../../helpers/net/control_socket.ts";
import { cpuSeconds } from "../../helpers/program/process.ts";
import { startControlled } from "../../helpers/program/start_controlled.ts";
import { sleep, t, until } from "../../helpers/t.ts";

const CHANNELS = 1000, SECONDS = 5;

t("checking 1,000 channels every second takes a small part of a core", async () => {
  await using server = await startBackend("");
  const argv = ["-f", "--max-channels", `${CHANNELS}`, "--check", "tcp", "--interval", "1", "PORT"];
  await using balance = await startControlled([
    ...argv,
    ...Array.from({ length: CHANNELS }, () => server.address),
  ]);
  await until(
    async () => (await talk(balance.socket, "checks\n")).match(/ up /g)?.length === CHANNELS,
    { timeoutMs: 30_000, everyMs: 200, what: "all channels to be up" },
  );
  const before = cpuSeconds(balance.pid), started = performance.now();
  await sleep(SECONDS * 1000);
  const share = (cpuSeconds(balance.pid) - before) / (performance.now() - started) * 1000;
  assertEquals(balance.stderr, "");
  // About 0.04, more than half of it in the kernel.
  assert(share < 0.25, `${(share * 100).toFixed(1)} % of a core`);
});
