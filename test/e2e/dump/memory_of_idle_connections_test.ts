import { assert } from "@std/assert";
import { echo } from "../../helpers/net/backends.ts";
import { connect, readText } from "../../helpers/net/client.ts";
import { startControlled } from "../../helpers/program/start_controlled.ts";
import { t, untilStill } from "../../helpers/t.ts";
import { tempDir } from "../../helpers/temp_dir.ts";

const CONNECTIONS = 500;
/** With buffers of a whole block it would be more than 80, without a dump it is about 30. */
const MAX_KIB_EACH = 60;

t(`an idle connection that was dumped takes less than ${MAX_KIB_EACH} KiB`, async () => {
  await using server = echo();
  using dir = tempDir();
  const argv = ["-f", "--dump-file", `${dir.path}/dump.txt`, "PORT", server.address];
  await using balance = await startControlled(argv);
  await using clients = new AsyncDisposableStack();
  // More than the first buffer, less than a block.
  const talk = async () => {
    const client = clients.use(await connect(balance.port));
    await client.send("x".repeat(3000));
    await readText(client, 3000);
  };
  for (let i = 0; i < 50; i++) await talk();
  const before = balance.rss();
  for (let i = 0; i < CONNECTIONS; i++) await talk();
  const after = await untilStill(() => balance.rss(), { what: "the memory of balance" });
  const kib = (after - before) / CONNECTIONS / 1024;
  assert(kib < MAX_KIB_EACH, `${kib.toFixed(1)} KiB each`);
});
