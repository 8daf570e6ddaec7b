import { assert, assertEquals } from "@std/assert";
import { drained, echo } from "../../helpers/net/backends.ts";
import { WORKERS } from "../../helpers/program/program.ts";
import { startControlled } from "../../helpers/program/start_controlled.ts";
import { t } from "../../helpers/t.ts";

const ROUNDS = 10;
/** Rounds before memory is measured: one per worker. After ten more it may be 20% higher. */
const WARM_UP = WORKERS;
const CONNECTIONS = 1000;
/** Concurrent connections; they need twice as many descriptors, of the usual limit of 1024. */
const AT_ONCE = 250;

async function exchange(port: number): Promise<void> {
  using conn = await Deno.connect({ hostname: "127.0.0.1", port });
  const buffer = new Uint8Array(64);
  await conn.write(buffer);
  for (let got = 0; got < buffer.length;) {
    const count = await conn.read(buffer);
    if (count === null) throw new Error("The connection ended before the answer");
    got += count;
  }
}

t("ten rounds of 1,000 connections leak neither descriptors nor memory", async () => {
  await using server = echo();
  await using balance = await startControlled(["-f", "PORT", server.address]);
  const fds = await balance.quietFds();
  const memory: number[] = [];
  for (let round = 0; round < WARM_UP + ROUNDS; round++) {
    for (let done = 0; done < CONNECTIONS; done += AT_ONCE) {
      await Promise.all(Array.from({ length: AT_ONCE }, () => exchange(balance.port)));
    }
    await drained(server);
    await balance.settledFds(fds);
    memory.push(balance.rss());
  }
  assertEquals(server.accepted, (WARM_UP + ROUNDS) * CONNECTIONS);
  const warm = memory[WARM_UP - 1] ?? 0;
  const last = memory.at(-1) ?? Infinity;
  assert(last <= warm * 1.2, `memory after each round: ${memory.join(" ")}`);
});
