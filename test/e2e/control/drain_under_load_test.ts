/** `drain` while clients keep coming. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { writeAll } from "../../../lib/base/bytes.ts";
import { backend } from "../../helpers/net/backends.ts";
import { ask } from "../../helpers/net/client.ts";
import { showRows } from "../../helpers/net/control_socket.ts";
import { startCommands } from "../../helpers/program/start_commands.ts";
import { startControlled } from "../../helpers/program/start_controlled.ts";
import { t, until } from "../../helpers/t.ts";

const CLIENTS = 20;

/** A backend that needs `ms` milliseconds for its answer. */
const slow = (name: string, ms: number) =>
  backend(async (conn) => {
    await new Promise((resolve) => setTimeout(resolve, ms));
    await writeAll(conn, new TextEncoder().encode(`${name}\n`));
  });

/** Clients that ask one after the other, each at once, until {@linkcode Load.stop}. */
function load(port: number) {
  const answers: string[] = [];
  let stopped = false;
  const clients = Array.from({ length: CLIENTS }, async () => {
    while (!stopped) answers.push(await ask(port));
  });
  return {
    answers,
    async stop(): Promise<void> {
      stopped = true;
      await Promise.all(clients);
    },
  };
}

t(
  "under load, drain 0 30 cuts no connection, and returns when the last one has ended",
  async () => {
    await using one = slow("B0", 150);
    await using other = slow("B1", 150);
    await using balance = await startControlled(["-f", "PORT", one.address, other.address]);
    const clients = load(balance.port);
    try {
      await until(() => one.accepted >= 2 * CLIENTS, { timeoutMs: 20_000, what: "the load" });
      await using drain = startCommands(balance, "drain 0 30", { strict: true });
      await until(() => drain.stdout !== "", { timeoutMs: 20_000, what: "the first line" });
      assertMatch(drain.stdout, /^channel 0\.0 is draining: \d+ connections? left\n/);
      const accepted = one.accepted, totalc = (await showRows(balance.socket))[0]?.totalc;
      assertEquals(await drain.ended(), 0);
      assertMatch(drain.stdout, /\nchannel 0\.0 is drained\n$/);
      const answered = clients.answers.length;
      await until(() => clients.answers.length > answered + 2 * CLIENTS, { timeoutMs: 20_000 });
      // A connection that was counted before may have arrived a moment later.
      assert(one.accepted <= totalc!, `${one.accepted} connections, ${accepted} at the start`);
      assertEquals((await showRows(balance.socket))[0]?.totalc, totalc);
    } finally {
      await clients.stop();
    }
    assertEquals(new Set(clients.answers), new Set(["B0", "B1"]));
  },
);

t("under load, drain cuts only the connections that are left at the deadline", async () => {
  await using one = slow("B0", 1500);
  await using other = slow("B1", 20);
  await using balance = await startControlled(["-f", "PORT", one.address, other.address]);
  const clients = load(balance.port);
  try {
    await until(() => one.open > CLIENTS / 2, { timeoutMs: 20_000, what: "the load" });
    await using drain = startCommands(balance, "drain 0 500ms", { strict: true });
    assertEquals(await drain.ended(), 1);
    assertMatch(
      drain.stdout,
      /\nchannel 0\.0 is drained, \d+ connections? closed at the deadline\n$/,
    );
    const closed = Number(/(\d+) connections? closed/.exec(drain.stdout)?.[1]);
    await until(() => clients.answers.filter((answer) => answer === "B1").length > CLIENTS);
    await clients.stop();
    const cut = clients.answers.filter((answer) => answer !== "B0" && answer !== "B1");
    assertEquals(cut.length, closed);
  } finally {
    await clients.stop();
  }
});
