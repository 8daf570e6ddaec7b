/** Much data through the epoll engine: with pipes, and where the system refuses them. */

import { assert, assertEquals } from "@std/assert";
import type { RelayObserver } from "../../../../lib/engine/engine.ts";
import { randomBytes, sha256 } from "../../../helpers/bytes.ts";
import { awaitedRelay } from "../../../helpers/engine/awaited.ts";
import { epollEngine, libC, linkedBy, listenWith, noEpoll } from "../../../helpers/engine/epoll.ts";
import { accepting } from "../../../helpers/net/accepting.ts";
import { connect, hashToEnd } from "../../../helpers/net/client.ts";
import { skip, t, until, within } from "../../../helpers/t.ts";

const BYTES = 20_000_000;
const F_SETPIPE_SZ = 1031;

/** Moves much data both ways, each to its half-close; returns how the calls were used. */
async function moveBothWays(
  calls: Parameters<typeof libC>[0] = {},
  onMoved: (observer: Partial<RelayObserver>) => void = () => {},
) {
  const c = libC(calls);
  let splices = 0;
  await using tested = epollEngine({
    calls: {
      ...calls,
      splice(...args: Parameters<typeof c.splice>) {
        const count = c.splice(...args);
        if (count > 0) splices++;
        return count;
      },
    },
  });
  const { engine } = tested, atStart = tested.open();
  await using far = await accepting();
  const listener = listenWith(engine);
  await using near = await connect(listener.local.port);
  const [client, backend] = await linkedBy(engine, listener, far.port);
  listener.close();
  const peer = await far.accept();
  const moved = { client: 0, backend: 0 };
  const relay = awaitedRelay((all) => {
    const observer: RelayObserver = {
      ...all,
      moved(side, bytes) {
        moved[side] += bytes;
        onMoved(observer);
      },
    };
    return engine.relay(client, backend, observer);
  });
  const up = randomBytes(BYTES, 1), down = randomBytes(BYTES, 2);
  const [atFar, atNear] = await Promise.all([
    hashToEnd(peer),
    hashToEnd(near),
    near.send(up).then(() => near.closeWrite()),
    peer.send(down).then(() => peer.closeWrite()),
  ]);
  assertEquals([atFar.sha256, atNear.sha256], [sha256(up), sha256(down)]);
  const end = await within(relay.done, { timeoutMs: 5000, what: "the relay to end" });
  assertEquals(end.how, "end");
  assertEquals(moved, { client: BYTES, backend: BYTES });
  await until(() => tested.open() === atStart, { what: () => `${tested.open()} descriptors` });
  assertEquals(tested.bugs, []);
  return { splices };
}

const refusingSize = () => {
  const c = libC();
  let refused = 0;
  return {
    fcntl(descriptor: number, command: number, value: number) {
      if (command !== F_SETPIPE_SZ) return c.fcntl(descriptor, command, value);
      refused++;
      return -1;
    },
    refused: () => refused,
  };
};

if (noEpoll !== undefined) skip("epoll: all tests of splice", noEpoll);
else {
  t("epoll: much data is spliced, and arrives unchanged", async () => {
    assert((await moveBothWays()).splices > 100);
  });

  t("epoll: pipes that cannot be enlarged do as well", async () => {
    const { refused, fcntl } = refusingSize();
    assert((await moveBothWays({ fcntl })).splices > 100);
    assert(refused() > 0);
  });

  t("epoll: without pipes, data is copied", async () => {
    let attempts = 0;
    const { splices } = await moveBothWays({ pipe2: () => (attempts++, -1) });
    assertEquals(splices, 0);
    assert(attempts > 0);
  });

  t("epoll: an observer of chunks may come and go while data is moved", async () => {
    const seen = { chunks: 0, bytes: 0, held: 0 };
    const chunk: RelayObserver["chunk"] = (_side, bytes) => {
      seen.chunks++;
      seen.bytes += bytes.length;
      assert(bytes.length <= 32768);
      if (seen.chunks % 3 !== 0) return undefined;
      seen.held++;
      return Promise.resolve();
    };
    let moves = 0;
    const { splices } = await moveBothWays({}, (observer) => {
      // After a number of moves, it is switched on or off.
      observer.chunk = moves++ % 100 < 50 ? chunk : undefined;
    });
    assert(splices > 0, "spliced");
    assert(seen.chunks > 100 && seen.held > 30, JSON.stringify(seen));
    assert(seen.bytes < 2 * BYTES);
  });
}
