/**
 * Random orders of events on both ends of connections, compared with a model (`storyOf`).
 *
 * `BALANCE_FUZZ_STORIES` is their number (default 300), `BALANCE_FUZZ_SEED` the seed of the first.
 */

import { assertMatch } from "@std/assert";
import { hasRawSockets, rawConnect, rawListener } from "../../helpers/net/raw_sockets.ts";
import { showRows } from "../../helpers/net/control_socket.ts";
import { ENGINE } from "../../helpers/program/program.ts";
import { startControlled } from "../../helpers/program/start_controlled.ts";
import { runStories } from "../../helpers/stories/run_stories.ts";
import type { Stage } from "../../helpers/stories/run_story.ts";
import { skip, t, until } from "../../helpers/t.ts";

const name = "whatever the order of events on both ends, the program relays as the model does";

if (!hasRawSockets) skip(name, "needs Linux");
else {
  t(name, async () => {
    using backend = rawListener();
    await using balance = await startControlled(["-f", "PORT", `127.0.0.1:${backend.port}`]);
    const fds = await balance.quietFds();
    const { outcomes } = await runStories(
      async ({ receiveBuffer }): Promise<Stage> => {
        const client = rawConnect(balance.port, { receiveBuffer });
        return {
          client,
          backend: await until(() => backend.accept(), { everyMs: 1, what: "a dial" }),
          [Symbol.asyncDispose]: () => Promise.resolve(),
        };
      },
      { passesResets: ENGINE === "epoll" },
    );
    await until(async () => (await showRows(balance.socket))[0]?.c === 0, { what: "c to be 0" });
    // All kinds of ends were there.
    for (const one of ["complete", "reset", "cut"]) assertMatch(outcomes, new RegExp(one));
    await balance.settledFds(fds);
  });
}
