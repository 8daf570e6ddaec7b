import { assert } from "@std/assert";
import { freePort } from "../../helpers/net/ports.ts";
import { startBalance } from "../../helpers/program/start_balance.ts";
import { startNginx } from "../../helpers/servers/nginx.ts";
import { startHaproxy } from "../../helpers/net/haproxy.ts";
import { runProgram } from "../../helpers/program/start_program.ts";
import { skip, t, tool } from "../../helpers/t.ts";

/** Minimum rate of balance, as a fraction of the rate of haproxy in the same run. */
const FLOOR = 0.5;
const MAX_ROUNDS = 10;
const REQUESTS = 10_000;

const name = "HTTP with keep-alive runs at least at half the rate of haproxy";
const [nginx, haproxy, ab] = ["nginx", "haproxy", "ab"].map(tool);

if (!nginx || !haproxy || !ab) {
  const missing = [nginx ? "" : "nginx", haproxy ? "" : "haproxy", ab ? "" : "ab"];
  skip(name, `not installed: ${missing.filter((one) => one !== "").join(", ")}`);
} else {
  t(name, async () => {
    await using backend = await startNginx(nginx);
    await Deno.writeTextFile(`${backend.folder}/small`, "x".repeat(100), { mode: 0o644 });
    const port = freePort();
    await using _haproxy = await startHaproxy([{ port, backend: backend.address }]);
    await using balance = await startBalance(["-f", "PORT", backend.address]);

    const best = { haproxy: 0, balance: 0 };
    // In turn, and the best round of each, since other tests run at the same time.
    for (let round = 0; round < MAX_ROUNDS && best.balance < FLOOR * best.haproxy + 1; round++) {
      best.haproxy = Math.max(best.haproxy, await rate(ab, port));
      best.balance = Math.max(best.balance, await rate(ab, balance.port));
    }
    const ratio = best.balance / best.haproxy;
    console.log(
      `requests per second: haproxy ${Math.round(best.haproxy)}, ` +
        `balance ${Math.round(best.balance)}: ${ratio.toFixed(2)}`,
    );
    assert(ratio >= FLOOR, `balance reaches ${ratio.toFixed(2)} of the rate of haproxy`);
  });
}

/** @returns Requests per second. */
async function rate(ab: string, port: number): Promise<number> {
  const url = `http://127.0.0.1:${port}/small`;
  const { stdout, stderr } = await runProgram(ab, [
    ...["-q", "-k", "-n", String(REQUESTS), "-c", "32", url],
  ]);
  assert(/^Failed requests: +0$/m.test(stdout), `${stdout}${stderr}`);
  const found = stdout.match(/^Requests per second: +([\d.]+)/m)?.[1];
  assert(found, stdout);
  return Number(found);
}
