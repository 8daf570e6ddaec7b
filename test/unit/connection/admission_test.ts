import { assertEquals } from "@std/assert";
import type { Refusal } from "../../../lib/base/reason.ts";
import { serve } from "../../../lib/connection/accept/accept_loop.ts";
import type { AcceptedLink, AcceptFailure, Listener } from "../../../lib/engine/engine.ts";
import { newTable } from "../../../lib/table/table.ts";
import { connectionContext } from "../../helpers/connection/connection_context.ts";
import { t, until } from "../../helpers/t.ts";

/** A listener to which one client after the other connects, and what happens to their links. */
function clients(addresses: readonly string[]) {
  const ended = Promise.withResolvers<AcceptFailure>(), happened: string[] = [];
  const links = addresses.map((address): AcceptedLink => ({
    remote: { address, port: 1 },
    local: { address: "127.0.0.1", port: 2 },
    close: () => void happened.push(`close ${address}`),
    reset: () => void happened.push(`reset ${address}`),
  }));
  const listener: Listener = {
    local: { address: "127.0.0.1", port: 2 },
    accept: () => Promise.resolve(links.shift() ?? ended.promise),
    close: () => ended.resolve({ failure: "closed", reason: "" }),
  };
  return { listener, happened, accepted: () => addresses.length - links.length };
}

t(
  "a refused client is reset, reported, and never served; each admitted one leaves once",
  async () => {
    const { listener, happened } = clients(["10.0.0.1", "10.0.0.2", "10.0.0.3"]);
    const calls: string[] = [], monitored: string[] = [], debugged: string[] = [];
    const refusals: Record<string, Refusal> = { "10.0.0.2": "client limit" };
    const context = connectionContext(newTable({ groups: 1, channels: 1, workers: 1 }), {
      admission: {
        expectsHeader: () => false,
        enter(client) {
          calls.push(`enter ${client}`);
          return refusals[client];
        },
        adopt() {},
        leave: (client) => void calls.push(`leave ${client}`),
        pauseMs: () => 0,
        accepted: () => calls.push("accepted") * 0,
        uncount: () => void calls.push("uncount"),
      },
      debug: (line) => void debugged.push(line),
      refused: ({ id, client, reason, state }) =>
        void monitored.push(`${id} ${client.address} ${reason} ${state}`),
      monitor: {
        started: ({ client }) => void monitored.push(`started ${client.address}`),
        refused: (reason) => void monitored.push(reason),
      },
    });
    const serving = serve(listener, context);
    await until(() => calls.filter((call) => call.startsWith("leave")).length === 2, {
      what: "both admitted clients to leave",
    });
    serving.stopNow();
    await serving.done;
    assertEquals(calls.filter((call) => call === "accepted").length, 3);
    assertEquals(calls.filter((call) => call === "uncount").length, 1);
    assertEquals(calls.filter((call) => call.startsWith("leave")).sort(), [
      "leave 10.0.0.1",
      "leave 10.0.0.3",
    ]);
    assertEquals(happened.filter((one) => one.endsWith(".2")), [
      "reset 10.0.0.2",
      "close 10.0.0.2",
    ]);
    assertEquals(debugged.filter((line) => line.includes("refused")), [
      "connect from 10.0.0.2 refused: client limit",
    ]);
    assertEquals(monitored, [
      "started 10.0.0.1",
      "client limit",
      "2 10.0.0.2 client limit dialing",
      "started 10.0.0.3",
    ]);
  },
);

t(
  "clients wait in the backlog while the rate of all is reached, but not once it stops",
  async () => {
    for (const stops of [false, true]) {
      const { listener, accepted } = clients(["10.0.0.1"]);
      let pauseMs = stops ? 3_600_000 : 50, asked = 0;
      const context = connectionContext(newTable({ groups: 1, channels: 1, workers: 1 }), {
        admission: {
          expectsHeader: () => false,
          enter: () => undefined,
          adopt() {},
          leave() {},
          pauseMs: () => asked++ === 0 ? pauseMs : pauseMs = 0,
          accepted: () => 0,
          uncount() {},
        },
      });
      const serving = serve(listener, context);
      assertEquals(accepted(), 0);
      if (!stops) await until(() => accepted() === 1, { what: "the client to be accepted" });
      await serving.stop();
      await serving.done;
      assertEquals(accepted(), 1);
    }
  },
);
