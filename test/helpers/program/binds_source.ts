import { assertEquals } from "@std/assert";
import { freePort } from "../net/ports.ts";
import { runBalance } from "./start_balance.ts";

/**
 * Whether the program under test supports a source address (`-B`). It is asked itself, because an
 * executable in BALANCE_BIN need not contain the runtime of the tests. One that does not support it
 * contains Deno 2.6, with the other limitations of that version.
 */
export async function programBindsSource(): Promise<boolean> {
  // -B is checked before the listener is bound, and binding fails here in any case.
  const port = freePort();
  using _taken = Deno.listen({ hostname: "0.0.0.0", port });
  const { code, stderr } = await runBalance(["-f", "-B", "127.0.0.7", "PORT"], { port });
  assertEquals(code, 69, stderr);
  return !stderr.includes("-B needs");
}
