import { assertEquals, assertThrows } from "@std/assert";
import { denoEngine } from "../../../../lib/engine/deno/deno_engine.ts";
import { freePort } from "../../../helpers/net/ports.ts";
import { t } from "../../../helpers/t.ts";

/** Lets the first calls of `Deno.listen` fail as the system lets two fail that meet. */
function failing(times: number): { readonly calls: number } & Disposable {
  const real = Deno.listen;
  let calls = 0;
  Deno.listen = ((options: Deno.TcpListenOptions) => {
    if (++calls <= times) throw new Deno.errors.AddrInUse("Address already in use (os error 98)");
    return real(options);
  }) as typeof Deno.listen;
  return {
    get calls() {
      return calls;
    },
    [Symbol.dispose]() {
      Deno.listen = real;
    },
  };
}

t("listen() tries again: of two that listen at the same moment Linux may refuse both", () => {
  const port = freePort();
  using attempts = failing(1);
  denoEngine.listen({ address: "127.0.0.1", port }).close();
  assertEquals(attempts.calls, 2);
});

t("listen() says soon that an address is in use", () => {
  const held = denoEngine.listen({ address: "127.0.0.1", port: freePort() });
  const began = performance.now();
  assertThrows(() => denoEngine.listen(held.local), Deno.errors.AddrInUse);
  held.close();
  assertEquals(performance.now() - began < 1000, true);
});
