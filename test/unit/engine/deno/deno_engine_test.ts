import { assertEquals, assertThrows } from "@std/assert";
import { denoEngine } from "../../../../lib/engine/deno/deno_engine.ts";
import { freePort } from "../../../helpers/net/ports.ts";
import { t } from "../../../helpers/t.ts";

/** Makes the first calls of `Deno.listen` fail like a concurrent listen of another program. */
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

t(
  "listen() tries again: Linux may refuse both of two programs that listen at the same moment",
  () => {
    const port = freePort();
    using attempts = failing(1);
    denoEngine.listen({ address: "127.0.0.1", port }).close();
    assertEquals(attempts.calls, 2);
  },
);

t("listen() reports an address in use within a second", () => {
  const held = denoEngine.listen({ address: "127.0.0.1", port: freePort() });
  const began = performance.now();
  assertThrows(() => denoEngine.listen(held.local), Deno.errors.AddrInUse);
  held.close();
  assertEquals(performance.now() - began < 1000, true);
});

t("listen() refuses an exclusive listener on a port that workers share", () => {
  const at = { address: "127.0.0.1", port: freePort() };
  const first = denoEngine.listen(at, { shared: true });
  const second = denoEngine.listen(at, { shared: true });
  assertThrows(() => denoEngine.listen(at).close(), Deno.errors.AddrInUse);
  first.close();
  second.close();
});
