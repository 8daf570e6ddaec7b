import { assertEquals } from "@std/assert";
import { freePort } from "../net/ports.ts";
import { runBalance } from "./start_balance.ts";

/**
 * Finds out whether the program under test gives its connections a source address (-B), by asking
 * it: an executable in BALANCE_BIN need not run on the runtime of the tests. One that cannot runs
 * on Deno 2.6, with whatever else that lacks.
 */
export async function programBindsSource(): Promise<boolean> {
  // -B is proved before anything is bound, so the program gets no further than this.
  const port = freePort();
  using _taken = Deno.listen({ hostname: "0.0.0.0", port });
  const { code, stderr } = await runBalance(["-f", "-B", "127.0.0.7", "PORT"], { port });
  assertEquals(code, 69, stderr);
  return !stderr.includes("-B needs");
}
