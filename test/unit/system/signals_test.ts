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
  using signals = listenForSignals({ foreground: true, terminal: true });
  await raise("SIGUSR2");
  await raise("SIGQUIT");
  const handled: string[] = [];
  signals.handle({
    end: (signal) => handled.push(signal),
    status: () => handled.push("status"),
    reopen: () => handled.push("reopen"),
    reload: () => handled.push("reload"),
  });
  assertEquals(handled, ["reopen", "status"]);
  await raise("SIGQUIT");
  assertEquals(handled, ["reopen", "status", "status"]);
});

t("SIGHUP stops the program in the foreground on a terminal, and else reloads", async () => {
  const cases = [[true, true, "SIGHUP"], [true, false, "reload"], [false, true, "reload"]] as const;
  for (const [foreground, terminal, expected] of cases) {
    using signals = listenForSignals({ foreground, terminal });
    const handled: string[] = [];
    signals.handle({
      end: (signal) => handled.push(signal),
      status: () => handled.push("status"),
      reopen: () => handled.push("reopen"),
      reload: () => handled.push("reload"),
    });
    await raise("SIGHUP");
    assertEquals(handled, [expected]);
  }
});
