/** Signals that arrive before the program handles them. */

import { assertEquals } from "@std/assert";
import { listenForSignals } from "../../../lib/system/signals.ts";
import { t, until } from "../../helpers/t.ts";

/** Sends this process a signal, and waits until all earlier listeners have received it. */
async function raise(signal: Deno.Signal): Promise<void> {
  let got = false;
  const listener = () => got = true;
  Deno.addSignalListener(signal, listener);
  Deno.kill(Deno.pid, signal);
  await until(() => got, { what: signal });
  Deno.removeSignalListener(signal, listener);
}

t("listenForSignals() keeps signals that arrive during the start, in order", async () => {
  using signals = listenForSignals({ foreground: true });
  await raise("SIGUSR2");
  await raise("SIGUSR1");
  const handled: string[] = [];
  signals.handle({
    end: (signal) => handled.push(signal),
    status: () => handled.push("status"),
    reopen: () => handled.push("reopen"),
  });
  assertEquals(handled, ["reopen", "status"]);
  await raise("SIGUSR1");
  assertEquals(handled, ["reopen", "status", "status"]);
});

t("SIGHUP stops the program in the foreground, and reopens files in the background", async () => {
  for (const [foreground, expected] of [[true, "SIGHUP"], [false, "reopen"]] as const) {
    using signals = listenForSignals({ foreground });
    const handled: string[] = [];
    signals.handle({
      end: (signal) => handled.push(signal),
      status: () => handled.push("status"),
      reopen: () => handled.push("reopen"),
    });
    await raise("SIGHUP");
    assertEquals(handled, [expected]);
  }
});
