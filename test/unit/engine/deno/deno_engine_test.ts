import { setImmediate } from "node:timers";
import { assert, assertEquals } from "@std/assert";
import type { Endpoint } from "../../../../lib/base/endpoint.ts";
import { denoEngine } from "../../../../lib/engine/deno/deno_engine.ts";
import type { AcceptedLink, Listener } from "../../../../lib/engine/engine.ts";
import { connect } from "../../../helpers/net/client.ts";
import { freePort } from "../../../helpers/net/ports.ts";
import { t } from "../../../helpers/t.ts";

/** Listens, or fails the test. */
function listen(at: Endpoint, options?: { shared?: boolean }): Listener {
  const listener = denoEngine.listen(at, options);
  assert(!("failure" in listener), JSON.stringify(listener));
  return listener;
}

/** Whether an address is refused because it is in use. */
function isInUse(at: Endpoint): boolean {
  const listener = denoEngine.listen(at);
  if ("failure" in listener) return listener.failure === "in use";
  listener.close();
  return false;
}

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
    listen({ address: "127.0.0.1", port }).close();
    assertEquals(attempts.calls, 2);
  },
);

t("listen() reports an address in use within a second", () => {
  const held = listen({ address: "127.0.0.1", port: freePort() });
  const began = performance.now();
  assertEquals(isInUse(held.local), true);
  held.close();
  assertEquals(performance.now() - began < 1000, true);
});

t("listen() refuses an exclusive listener on a port that workers share", () => {
  const at = { address: "127.0.0.1", port: freePort() };
  const first = listen(at, { shared: true });
  const second = listen(at, { shared: true });
  assertEquals(isInUse(at), true);
  first.close();
  second.close();
});

t("accept() leaves the event loop its turns while clients are in the backlog", async () => {
  const listener = listen({ address: "127.0.0.1", port: 0 });
  const clients = await Promise.all(Array.from({ length: 64 }, () => connect(listener.local.port)));
  const links: AcceptedLink[] = [];
  const accepting = (async () => {
    while (links.length < clients.length) {
      const link = await listener.accept();
      assert(!("failure" in link));
      links.push(link);
    }
  })();
  const counts = [0];
  while (links.length < clients.length) {
    await new Promise((resolve) => setImmediate(resolve));
    counts.push(links.length);
  }
  await accepting;
  assert(counts.every((count, turn) => count <= 32 || count <= 16 * (turn + 1)), counts.join());
  assert(counts.length > 3, counts.join());
  for (const link of links) link.close();
  for (const client of clients) await client.close();
  listener.close();
});
