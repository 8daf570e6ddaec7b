/** Sockets that take the place of a listener of the runtime, with calls that fail. */

import { assertEquals } from "@std/assert";
import { replaceSocket } from "../../../../lib/engine/deno/free_bind.ts";
import { type CLibrary, openCLibrary } from "../../../../lib/native/c_library.ts";
import { skip, t } from "../../../helpers/t.ts";

// Opened here, because tests must close what they open.
const c = Deno.build.os === "linux" ? openCLibrary() : undefined;

/** The C library with some functions replaced; notes the sockets that it opens and closes. */
function noting(replaced: Partial<CLibrary>) {
  const open = new Set<number>();
  const library: CLibrary = {
    ...c!,
    socket(...args) {
      const descriptor = c!.socket(...args);
      open.add(descriptor);
      return descriptor;
    },
    close(descriptor) {
      open.delete(descriptor);
      return c!.close(descriptor);
    },
    ...replaced,
  };
  return { open, library };
}

/** Replaces the socket of a listener by one at 127.0.0.2, which listens on the same port. */
function replace(replaced: Partial<CLibrary> = {}, address = "127.0.0.2") {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 }), { port } = listener.addr;
  const { open, library } = noting(replaced);
  const failure = replaceSocket(port, { address, port }, { library });
  return { failure, open, listener, port, [Symbol.dispose]: () => listener.close() };
}

if (c === undefined) {
  skip("a socket takes the place of a listener", "there is no C library of Linux");
} else {
  t("a socket takes the place of a listener, which accepts its clients then", async () => {
    using replacement = replace();
    const { failure, open, listener, port } = replacement;
    assertEquals([failure, open.size], [undefined, 0]);
    const accepted = listener.accept();
    using _client = await Deno.connect({ hostname: "127.0.0.2", port });
    using server = await accepted;
    assertEquals((server.localAddr as Deno.NetAddr).hostname, "127.0.0.2");
  });

  // The real function fails, with arguments that are wrong.
  const failing: Readonly<Record<string, Partial<CLibrary>>> = {
    dup3: { dup3: (from, _to, flags) => c.dup3!(from, -1, flags) },
    epoll_ctl: { epoll_ctl: (_epoll, ...args) => c.epoll_ctl!(-1, ...args) },
    setsockopt: { setsockopt: (_socket, ...args) => c.setsockopt(-1, ...args) },
    listen: { listen: (_socket, backlog) => c.listen(-1, backlog) },
  };
  for (const [name, replaced] of Object.entries(failing)) {
    t(`the failure of ${name}() is returned, and no socket stays open`, () => {
      using replacement = replace(replaced);
      assertEquals(replacement.failure, { failure: "failed", reason: "Bad file descriptor" });
      assertEquals(replacement.open.size, 0);
    });
  }

  t("the failure to open a socket is returned", () => {
    using replacement = replace({ socket: (_family, ...args) => c.socket(-1, ...args) });
    const reason = "Address family not supported by protocol";
    assertEquals(replacement.failure, { failure: "failed", reason });
  });
}
