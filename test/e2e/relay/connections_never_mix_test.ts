import { assertEquals } from "@std/assert";
import { randomBytes, randomNumbers, sha256 } from "../../helpers/bytes.ts";
import { drained, echo } from "../../helpers/net/backends.ts";
import { connect, readExactly } from "../../helpers/net/client.ts";
import { startControlled } from "../../helpers/program/start_controlled.ts";
import { t } from "../../helpers/t.ts";

const CONNECTIONS = 300;
const AT_ONCE = 40;

t("connections that are opened, used and closed at random never mix", async () => {
  await using first = echo();
  await using second = echo();
  await using balance = await startControlled(["-f", "PORT", first.address, second.address]);
  const before = await balance.quietFds();
  const random = randomNumbers(20);
  let next = 0;

  async function worker(): Promise<void> {
    while (next < CONNECTIONS) {
      const seed = next++;
      await using client = await connect(balance.port);
      for (let rounds = random() % 4; rounds > 0; rounds--) {
        const data = randomBytes(1 + random() % 20_000, seed);
        await client.send(data);
        // Some close before the answer arrives.
        if (random() % 8 === 0) break;
        assertEquals(sha256(await readExactly(client, data.length)), sha256(data));
      }
      if (random() % 2 === 0) await client.closeWrite();
    }
  }

  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  await drained(first);
  await drained(second);
  assertEquals(first.accepted + second.accepted, CONNECTIONS);
  await balance.settledFds(before);
});
