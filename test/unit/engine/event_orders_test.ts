/** Random orders of events on both ends of the relays of an engine, compared with a model. */

import { assertMatch } from "@std/assert";
import type { Side } from "../../../lib/base/side.ts";
import type { AcceptedLink, Engine, Listener, RelayEnd } from "../../../lib/engine/engine.ts";
import { openEngine } from "../../../lib/engine/engines.ts";
import { ENGINE_NAMES } from "../../../lib/engine/names.ts";
import { whyNot } from "../../helpers/engine/can_run.ts";
import { dialed } from "../../helpers/engine/awaited.ts";
import {
  hasRawSockets,
  rawConnect,
  type RawListener,
  rawListener,
  type RawSocket,
} from "../../helpers/net/raw_sockets.ts";
import { socketsAt } from "../../helpers/net/tcp_sockets.ts";
import { runStories } from "../../helpers/stories/run_stories.ts";
import type { Stage } from "../../helpers/stories/run_story.ts";
import type { Story } from "../../helpers/stories/story.ts";
import { skip, sleep, t, until } from "../../helpers/t.ts";

/** Connects a client and a backend, and starts a relay between them. */
async function staged(
  { receiveBuffer, seed }: Story,
  at: { engine: Engine; listener: Listener; backends: RawListener },
): Promise<Stage> {
  const { engine, listener, backends } = at;
  const client = rawConnect(listener.local.port, { receiveBuffer });
  const accepted = await listener.accept();
  if ("failure" in accepted) throw new Error(accepted.reason);
  // As with a dump, at once or later; and with a client that is watched during the dial.
  const chunk = [undefined, () => undefined, () => sleep(0)][seed % 3];
  // Behind a header, which may arrive before or after the engine starts to read it.
  if (seed % 5 < 2) await header(engine, { client, accepted, isEarly: seed % 5 === 0 });
  if (seed % 4 === 0) engine.readAhead(accepted, { gone() {} });
  const link = await dialed(engine, { address: "127.0.0.1", port: backends.port });
  if (typeof link === "string") throw new Error(`dial gives ${link}`);
  const backend = await until(() => backends.accept(), { everyMs: 1, what: "the dial" });
  const moved: Record<Side, number> = { client: 0, backend: 0 };
  let end: RelayEnd | undefined;
  const relay = engine.relay(accepted, link, {
    moved: (side, bytes) => void (moved[side] += bytes),
    chunk,
    finished(how, bug) {
      if (end !== undefined || bug !== undefined) throw new Error(`finished twice, or ${bug}`);
      end = how;
    },
  });
  return {
    client,
    backend,
    end: () => end,
    moved: () => moved,
    async [Symbol.asyncDispose]() {
      relay.close();
      await relay.freed();
    },
  };
}

const HEADER = new TextEncoder().encode("a header\n");

/** Sends a header, and reads it from the link. */
async function header(
  engine: Engine,
  { client, accepted, isEarly }: { client: RawSocket; accepted: AcceptedLink; isEarly: boolean },
): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  if (isEarly) client.send(HEADER);
  engine.readHeader(accepted, 100, {
    arrived: (bytes) => bytes.length < HEADER.length ? undefined : HEADER.length,
    over: resolve,
  });
  if (!isEarly) client.send(HEADER);
  await promise;
}

for (const name of ENGINE_NAMES) {
  const title = `${name}: whatever the order of events on both ends, a relay does as the model`;
  const cannotRun = hasRawSockets ? whyNot(name) : "needs Linux";
  if (cannotRun !== undefined) {
    skip(title, cannotRun);
    continue;
  }
  const engine = openEngine(name, { isShared: true });
  t(title, async () => {
    const listener = engine.listen({ address: "127.0.0.1", port: 0 });
    if ("failure" in listener) throw new Error(listener.reason);
    using backends = rawListener();
    const { outcomes } = await runStories(
      (story) => staged(story, { engine, listener, backends }),
      { passesResets: name === "epoll" },
    );
    const { port } = listener.local;
    listener.close();
    // All kinds of ends were there, and no socket is left.
    for (const one of ["complete", "reset", "cut"]) assertMatch(outcomes, new RegExp(one));
    await until(() => socketsAt([port, backends.port]) === 1, {
      what: () => `${socketsAt([port, backends.port])} sockets to become one, the listener`,
    });
  });
}
