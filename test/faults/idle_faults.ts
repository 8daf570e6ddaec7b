/** Many idle connections for a long time: what they cost, and that all of them still work. */
import { assert, assertEquals } from "@std/assert";
import { cpuMs } from "../helpers/kernel/scheduling.ts";
import { pool } from "../helpers/pool.ts";
import { startControlled } from "../helpers/program/start_controlled.ts";
import { t } from "../helpers/t.ts";
import { echoOrigin } from "./helpers/origin.ts";
import { figure, mib, pause, scaled } from "./helpers/sizes.ts";
import { exchange } from "./helpers/traffic.ts";

/** Each takes two descriptors of the test and two of the program; the usual limit is 20,000. */
const COUNT = scaled(9000, 100), SECONDS = scaled(600, 5);
/** Of a CPU; in the short part, other tests run at the same time. Bytes per connection. */
const MAX_SHARE = COUNT >= 1000 ? 0.005 : 0.01, MAX_BYTES = 40 << 10;
/** V8 collects garbage once, about eight seconds after the last traffic. */
const SETTLE_MS = 12_000;

t("9,000 idle connections for ten minutes cost hardly any CPU, and all of them work", async () => {
  await using server = echoOrigin();
  await using balance = await startControlled(["-f", "PORT", server.address]);
  const empty = balance.rss(), fds = await balance.quietFds();
  const conns: Deno.TcpConn[] = [];
  using stack = new DisposableStack();
  const all = Array.from({ length: COUNT }, (_, index) => index);
  await pool(all, { limit: 50, name: String }, async () => {
    const conn = stack.use(await Deno.connect({ hostname: "127.0.0.1", port: balance.port }));
    conns.push(conn);
    await exchange(conn);
  });
  await pause(SETTLE_MS);
  const open = balance.rss(), used = cpuMs(balance.pid), started = performance.now();
  await pause(SECONDS * 1000);
  const share = (cpuMs(balance.pid) - used) / (performance.now() - started);
  const idle = balance.rss();
  await pool(conns, { limit: 50, name: () => "an idle connection" }, async (conn) => {
    await exchange(conn);
    await conn.closeWrite();
    assertEquals(await conn.read(new Uint8Array(1)), null);
  });
  const each = (idle - empty) / COUNT;
  figure(
    "idle connections",
    `${COUNT} for ${SECONDS} s: ${(share * 100).toFixed(3)} % of a CPU; RSS ${mib(empty)} empty, ` +
      `${mib(open)} with all open, ${mib(idle)} at the end: ${
        (each / 1024).toFixed(1)
      } KiB each; ` +
      "all answered",
  );
  stack.dispose();
  await balance.settledFds(fds, 30_000);
  assert(share < MAX_SHARE, `they took ${(share * 100).toFixed(2)} % of a CPU`);
  // With few connections, the memory of the start counts.
  if (COUNT >= 1000) assert(each < MAX_BYTES, `${each.toFixed(0)} bytes each`);
});
