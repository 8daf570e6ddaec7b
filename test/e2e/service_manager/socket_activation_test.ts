/** A start by a socket unit of systemd (sd_listen_fds(3)), which is not supported. */

import { assertEquals } from "@std/assert";
import { named } from "../../helpers/net/backends.ts";
import { ask } from "../../helpers/net/client.ts";
import { runBalance } from "../../helpers/program/start_balance.ts";
import { startControlled } from "../../helpers/program/start_controlled.ts";
import { t } from "../../helpers/t.ts";

for (const mode of [["-f"], [], ["--test"]]) {
  t(`socket activation is a clear error: balance ${mode.join(" ")}`, async () => {
    const before = "export LISTEN_FDS=2 LISTEN_PID=$$";
    const { code, stderr } = await runBalance([...mode, "PORT", "127.0.0.1"], { before });
    assertEquals([code, stderr], [
      69,
      "balance: socket activation is not supported (LISTEN_FDS=2): " +
      "disable the socket unit, balance opens its address\n",
    ]);
  });
}

t("the sockets of another process are not for balance", async () => {
  await using backend = named("B0");
  const env = { LISTEN_FDS: "1", LISTEN_PID: "1" };
  await using balance = await startControlled(["-f", "PORT", backend.address], { env });
  assertEquals(await ask(balance.port), "B0");
});
