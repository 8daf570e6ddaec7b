/** Signals that come before anyone handles them. */

import { assertEquals } from "@std/assert";
import { listenForSignals } from "../../../lib/system/signals.ts";
import { t, until } from "../../helpers/t.ts";

/** Sends this very process a signal and waits until all who listened before have got it. */
async function raise(signal: Deno.Signal): Promise<void> {
  let got = false;
  const listener = () => got = true;
  Deno.addSignalListener(signal, listener);
  Deno.kill(Deno.pid, signal);
  await until(() => got, { what: signal });
  Deno.removeSignalListener(signal, listener);
}

t("listenForSignals() keeps what comes while the program starts, in order", async () => {
  using signals = listenForSignals();
  await raise("SIGUSR2");
  await raise("SIGUSR1");
  const told: string[] = [];
  signals.handle({
    end: (signal) => told.push(signal),
    status: () => told.push("status"),
    reopen: () => told.push("reopen"),
  });
  assertEquals(told, ["reopen", "status"]);
  await raise("SIGUSR1");
  assertEquals(told, ["reopen", "status", "status"]);
});
