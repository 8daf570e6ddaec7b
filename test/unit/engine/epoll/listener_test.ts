/** How an isolate leaves clients to another one, which these tests play. */

import { assert, assertEquals } from "@std/assert";
import { EpollEngine } from "../../../../lib/engine/epoll/epoll_engine.ts";
import { SOCKET_FLAGS } from "../../../../lib/socket/constants.ts";
import { EVENTFD_FLAGS } from "../../../../lib/engine/epoll/system/constants.ts";
import type { LibC } from "../../../../lib/engine/epoll/system/libc.ts";
import { libC, linkedBy, listenWith, noEpoll } from "../../../helpers/engine/epoll.ts";
import { rawConnect, rawListener } from "../../../helpers/net/raw_sockets.ts";
import { skip, t, until } from "../../../helpers/t.ts";

/** A load that makes the other isolate get no clients, and one that makes it get all. */
const FULL = 1000, EMPTY = 0;
const CLIENTS = 30;

/** An engine that accepts beside another isolate. */
function besideAnother(calls: (other: number) => Partial<LibC> = () => ({})) {
  const c = libC(), loads = new Int32Array(new SharedArrayBuffer(8));
  const waits = new Uint8Array(new SharedArrayBuffer(2)).fill(1);
  const [own, other] = [c.eventfd(0, EVENTFD_FLAGS), c.eventfd(0, EVENTFD_FLAGS)];
  const bugs: unknown[] = [];
  const engine = new EpollEngine(libC(calls(other)), {
    wakeup: own,
    receive() {},
    bug: (error) => void bugs.push(error),
    loads: { index: 0, loads, waits, wakeups: [own, other] },
  });
  const listener = listenWith(engine), stack = new DisposableStack();
  const accepted: number[] = [];
  loads[1] = FULL;
  return {
    c,
    engine,
    listener,
    /** When each client was accepted. */
    accepted,
    setOther: (load: number) => void (loads[1] = load),
    wake: () => c.write(own, new Uint8Array(BigUint64Array.of(1n).buffer), 8n),
    connect(count = 1) {
      for (let n = 0; n < count; n++) {
        const client = rawConnect(listener.local.port);
        stack.defer(() => client.close());
      }
    },
    async acceptAll() {
      for (;;) {
        if ("failure" in await listener.accept()) return;
        accepted.push(performance.now());
      }
    },
    async [Symbol.asyncDispose]() {
      engine.abandon();
      await engine.ended;
      for (const descriptor of [own, other]) c.close(descriptor);
      stack.dispose();
      assertEquals(bugs, []);
    },
  };
}

if (noEpoll !== undefined) skip("clients are left to another isolate", noEpoll);
else {
  t("clients that another isolate does not take are accepted after a moment", async () => {
    await using one = besideAnother();
    void one.acceptAll();
    one.connect(10);
    await until(() => one.accepted.length === 10);
    one.setOther(EMPTY);
    const started = performance.now();
    one.connect(CLIENTS);
    await until(() => one.accepted.length === 10 + CLIENTS);
    // All of them at once, not one after the other.
    const ms = one.accepted.at(-1)! - started;
    assert(ms < 300, `it took ${ms} ms`);
  });

  t("the same while bytes arrive without a pause", async () => {
    let isEndless = false;
    const c = libC();
    await using one = besideAnother(() => ({
      recv: (...args) => isEndless ? Number(args[2]) : c.recv(...args),
      send: (...args) => isEndless ? Number(args[2]) : c.send(...args),
      splice: (...args) => isEndless ? 4096 : c.splice(...args),
    }));
    using backend = rawListener();
    one.connect();
    const links = await linkedBy(one.engine, one.listener, backend.port);
    void one.acceptAll();
    one.connect(10);
    await until(() => one.accepted.length === 10);
    one.engine.relay(...links, { moved() {}, finished() {} });
    isEndless = true;
    one.setOther(EMPTY);
    one.connect(CLIENTS);
    await until(() => one.accepted.length === 10 + CLIENTS);
    isEndless = false;
  });

  t("a message while a client is left to another isolate does not end accepting", async () => {
    const c = libC();
    let listening = -1, taken = 0;
    await using one = besideAnother((other) => ({
      write(descriptor, bytes, size) {
        if (descriptor !== other) return c.write(descriptor, bytes, size);
        // The other isolate takes the client at once.
        const name = new Uint8Array(28), length = new Uint8Array(Int32Array.of(28).buffer);
        const socket = c.accept4(listening, name, length, SOCKET_FLAGS);
        if (socket >= 0) {
          c.close(socket);
          taken++;
        }
        return 8;
      },
    }));
    listening = one.listener.descriptor!;
    void one.acceptAll();
    one.connect(10);
    await until(() => one.accepted.length === 10);
    one.setOther(EMPTY);
    one.connect();
    await until(() => taken === 1);
    one.setOther(FULL);
    one.wake();
    // It finds no client, and then waits in the kernel.
    await until(() => one.engine.nextTurn().then(() => true));
    one.connect();
    await until(() => one.accepted.length === 11);
  });
}
