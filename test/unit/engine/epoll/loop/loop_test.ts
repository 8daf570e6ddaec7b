import { assert, assertEquals } from "@std/assert";
import { EpollEngine } from "../../../../../lib/engine/epoll/epoll_engine.ts";
import {
  epollEngine,
  libC,
  linkedBy,
  listenWith,
  noEpoll,
} from "../../../../helpers/engine/epoll.ts";
import { rawConnect, rawListener } from "../../../../helpers/net/raw_sockets.ts";
import { skip, sleep, t, until } from "../../../../helpers/t.ts";

if (noEpoll !== undefined) skip("the loop of the epoll engine", noEpoll);
else {
  t("a clock that throws does not end the loop", async () => {
    await using tested = epollEngine({ isShared: false });
    const { engine, bugs } = tested, listener = listenWith(engine);
    using far = rawListener();
    const client = rawConnect(listener.local.port);
    const links = await linkedBy(engine, listener, far.port), peer = far.accept()!;
    engine.relay(...links, { moved() {}, finished() {} });
    const clock = { calls: 0 };
    engine.beforeEvents!(() => {
      if (clock.calls++ === 0) throw new Error("on purpose");
    });
    client.send(new TextEncoder().encode("hello"));
    await until(() => bugs.length === 1);
    client.send(new TextEncoder().encode("again"));
    let received = 0;
    await until(() => {
      const count = peer.receive(new Uint8Array(10));
      if (typeof count === "number") received += Math.max(0, count);
      return received === 10;
    });
    assertEquals([bugs.map(String), clock.calls > 1], [["Error: on purpose"], true]);
    client.close();
    peer.close();
  });

  t("the loop starts after its maker, and blocks nothing before", async () => {
    const started = performance.now(), calls: string[] = [];
    const c = libC({
      epoll_wait(...args) {
        calls.push("wait");
        return libC().epoll_wait(...args);
      },
    });
    const engine = new EpollEngine(c, { bug() {} });
    assertEquals(calls, []);
    assert(performance.now() - started < 50);
    await until(() => calls.length > 0);
    engine.abandon();
    await engine.ended;
  });

  t("an engine that was abandoned while it waited writes to no descriptor any more", async () => {
    const written: number[] = [], c = libC();
    const engine = new EpollEngine(
      libC({
        write(descriptor, bytes, size) {
          written.push(descriptor);
          return c.write(descriptor, bytes, size);
        },
      }),
      { bug() {} },
    );
    const listener = listenWith(engine), client = rawConnect(listener.local.port);
    assert(!("failure" in await listener.accept()));
    // Without events, it waits in another thread.
    await sleep(400);
    engine.abandon();
    const before = written.length;
    void engine.nextTurn();
    engine.dial({ address: "127.0.0.1", port: 1 }, { source: undefined }, { dialed() {} });
    await engine.ended;
    assertEquals([before, written.length], [1, 1]);
    client.close();
  });
}
