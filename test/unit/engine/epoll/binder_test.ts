import { assert, assertEquals } from "@std/assert";
import type { Binder, BoundSocket } from "../../../../lib/engine/engine.ts";
import { openBinder } from "../../../../lib/engine/epoll/binder.ts";
import { epollEngine, failing, libC, noEpoll } from "../../../helpers/engine/epoll.ts";
import { rawConnect } from "../../../helpers/net/raw_sockets.ts";
import { skip, t, within } from "../../../helpers/t.ts";

const EPERM = 1, ENOSYS = 38;
const ANY_PORT = { address: "127.0.0.1", port: 0 };

function opened(): Binder {
  const binder = openBinder(libC);
  assert(typeof binder !== "string", String(binder));
  return binder;
}

function bound(binder: Binder): BoundSocket {
  const socket = binder.bind(ANY_PORT);
  assert(!("failure" in socket), JSON.stringify(socket));
  return socket;
}

if (noEpoll !== undefined) skip("the binder of epoll: all tests", noEpoll);
else {
  t("openBinder() names the call that the system refuses", () => {
    assertEquals(
      openBinder(() => libC(failing("splice", EPERM))),
      "cannot use splice: Operation not permitted",
    );
    assertEquals(
      openBinder(() => libC(failing("epoll_wait", ENOSYS))),
      "cannot use epoll_wait: Function not implemented",
    );
    assertEquals(
      openBinder(() => undefined),
      "needs the C library, and the permission to call it",
    );
  });

  t("bind() takes an address once", () => {
    const binder = opened(), first = bound(binder);
    assertEquals(first.local.address, "127.0.0.1");
    assertEquals(binder.bind(first.local), {
      failure: "in use",
      reason: "Address already in use",
    });
    first.close();
    first.close();
    const again = binder.bind(first.local);
    assert(!("failure" in again));
    again.close();
  });

  t("engines accept on a socket that is bound elsewhere, and leave it open", async () => {
    const socket = bound(opened()), { descriptor, local } = socket;
    for (let round = 0; round < 2; round++) {
      await using tested = epollEngine();
      const listener = tested.engine.listen(local, { shared: true, descriptor });
      assert(!("failure" in listener));
      const waiting = listener.accept();
      const client = rawConnect(local.port);
      const link = await within(waiting, { timeoutMs: 5000, what: "the client" });
      assert(!("failure" in link), JSON.stringify(link));
      assertEquals(link.local, local);
      link.close();
      client.close();
      listener.close();
    }
    socket.close();
  });

  t("two engines share the clients of one socket, and none is lost when one pauses", async () => {
    const socket = bound(opened()), { descriptor, local } = socket;
    await using first = epollEngine();
    await using second = epollEngine();
    const [one, other] = [first, second].map(({ engine }) => {
      const listener = engine.listen(local, { shared: true, descriptor });
      assert(!("failure" in listener));
      return listener;
    });
    // Both wait; then only the other one does.
    const waiting = [one!.accept(), other!.accept()];
    const clients = [rawConnect(local.port), rawConnect(local.port)];
    for (const each of waiting) assert(!("failure" in await each));
    for (let n = 0; n < 10; n++) {
      clients.push(rawConnect(local.port));
      const link = await within(other!.accept(), { timeoutMs: 5000, what: "a client" });
      assert(!("failure" in link));
    }
    for (const client of clients) client.close();
    one!.close();
    other!.close();
    socket.close();
  });

  t("canDialFrom() knows the addresses of this host", async () => {
    const binder = opened();
    assertEquals(await binder.canDialFrom("127.0.0.77"), "yes");
    assertEquals(await binder.canDialFrom("203.0.113.7"), "not local");
  });
}
