import { t } from "../helpers/t.ts";
import { integrity } from "./helpers/integrity.ts";
import { figure, mib, scaled, SEED } from "./helpers/sizes.ts";

for (const argv of [[], ["--workers", "2"]]) {
  const name = argv.length === 0 ? "one thread" : "two threads";
  t(`with random faults on both sides no byte is lost and nothing hangs, ${name}`, async () => {
    const connections = scaled(10_000, 100);
    console.log(`seed ${SEED}, ${connections} connections`);
    const found = await integrity({ connections, seed: SEED, parallel: 200, argv });
    figure(
      `integrity, ${name}`,
      `${found.connections} connections, ${mib(found.bytes)} checked, ${found.clean} uncut, ` +
        `backends at accept: ${found.fates}; ${found.seconds.toFixed(0)} s, seed ${SEED}`,
    );
  });
}
