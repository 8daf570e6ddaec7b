/** An operator chooses on the command line how clients are distributed. */

import { assertEquals } from "@std/assert";
import { named } from "../../helpers/net/backends.ts";
import { connect, distribution, readLine, sequence } from "../../helpers/net/client.ts";
import { startBalance } from "../../helpers/program/start_balance.ts";
import { t } from "../../helpers/t.ts";

for (const workers of ["1", "2"]) {
  t(`with ${workers} workers, weights share clients exactly and interleaved`, async () => {
    await using b0 = named("B0");
    await using b1 = named("B1");
    await using b2 = named("B2");
    await using balance = await startBalance([
      ...["-f", "--workers", workers, "PORT"],
      ...[`${b0.address},weight=3`, b1.address, `${b2.address},weight=0`],
    ]);
    assertEquals(
      (await sequence(balance.port, 8)).join(" "),
      "B0 B0 B1 B0 B0 B0 B1 B0",
    );
  });
}

t("--schedule first fills one backend to its limit before the next gets clients", async () => {
  await using b0 = named("B0");
  await using b1 = named("B1");
  const argv = ["-f", "--schedule", "first", "PORT", `${b0.address}:2`, b1.address];
  await using balance = await startBalance(argv);
  await using held = new AsyncDisposableStack();
  const names: string[] = [];
  for (let i = 0; i < 4; i++) {
    names.push(await readLine(held.use(await connect(balance.port))));
  }
  assertEquals(names, ["B0", "B0", "B1", "B1"]);
});

t("--schedule concerns all groups but those that % ends, unless it names them", async () => {
  await using b0 = named("B0");
  await using b1 = named("B1");
  const channels = ["PORT", b0.address, b1.address, "%"];
  {
    await using balance = await startBalance(["-f", "--schedule", "rr", ...channels], {
      expectStderr: "any",
    });
    // The hash sends one client always to the same backend.
    assertEquals(new Set(await sequence(balance.port, 4)).size, 1);
  }
  await using balance = await startBalance(["-f", "--schedule", "0=rr", ...channels]);
  assertEquals(await distribution(balance.port, 4), "B0: 2, B1: 2");
});
