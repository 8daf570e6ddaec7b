import type { ConnectionInfo } from "../../../../lib/base/connection_info.ts";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { VERSION } from "../../../../lib/base/version.ts";
import {
  type ControlContext,
  runLine,
  type Session,
} from "../../../../lib/control/commands/command.ts";
import { COMMANDS } from "../../../../lib/control/commands/commands.ts";
import { liveOrders, topCommand } from "../../../../lib/control/commands/top_command.ts";
import { TOP_ORDERS } from "../../../../lib/control/top/order.ts";
import type { TopSample } from "../../../../lib/control/top/sample.ts";
import { newTable } from "../../../../lib/table/table.ts";
import { controlContext } from "../../../helpers/control/control_context.ts";
import { t } from "../../../helpers/t.ts";
import { ids, info } from "../../../helpers/control/top_samples.ts";

const PURE = { permissions: "none" } as const;

/** The context of commands: two channels and these connections. */
function context(connections: readonly ConnectionInfo[] = []): ControlContext {
  const table = newTable({ groups: 2, channels: 2, workers: 1 });
  const address = new Uint8Array([127, 0, 0, 1]);
  for (const port of [8000, 8001]) table.add(0, { address, port });
  return {
    ...controlContext(table, () => Promise.reject(new Error("no names here"))),
    connections: {
      connections: () => Promise.resolve([...connections]),
      close: () => Promise.resolve(0),
    },
    listener: { address: "::", port: 8080 },
  };
}

t("top prints one 80x24 frame with rates", async () => {
  const at = { context: context([info(1, { sent: 5, ageMs: 10 })]), session: { group: 0 } };
  const running = runLine([topCommand(600)], "top sent", at);
  // Between the two samples.
  await Promise.resolve();
  at.context.table.addSent(at.context.table.account(0, 1), 6000);
  const { text, failed } = await running;
  assertEquals(failed, undefined);
  const lines = text.split("\n");
  assertEquals(lines.pop(), "");
  assertEquals(lines.length, 24);
  assert(lines.every((line) => line.length <= 80), text);
  assertMatch(lines[0]!, new RegExp(`^balance ${VERSION}  \\[::\\]:8080  up .*  pid \\d+$`));
  assertEquals(lines[3], "channels 1-2 of 2 by sent");
  assertMatch(lines[5]!, /^0\.1 {2}ENA 127\.0\.0\.1:8001 +0 +- +0 +(\d\.\d\d|10\.\d)k /);
  assertMatch(text, /^ {4}1 192\.0\.2\.7:1 +- +open +0s +0s +\d +0 +5 +0$/m);
}, PURE);

t("top refuses an unknown sort key", async () => {
  for (const line of ["top x", "top 5", "top --json 12345", "top rate speed", "top 5 --json"]) {
    const reply = await runLine(COMMANDS, line, { context: context(), session: { group: 0 } });
    assertEquals(reply, {
      text: `invalid key [${/\S+$/.exec(line.replace(" --json", ""))![0]}]\n`,
      failed: true,
    }, line);
  }
}, PURE);

t(
  "top --json prints a sample, and keeps it in the session for the rates of the next one",
  async () => {
    const at = context(Array.from({ length: 60 }, (_, i) => info(i + 1, { sent: i })));
    const ask = async (line: string, session: Session) => {
      const reply = await runLine(COMMANDS, line, { context: at, session });
      assertEquals(reply.failed, undefined);
      const sample: TopSample = JSON.parse(reply.text);
      return { sample, session: reply.session ?? session };
    };
    const first = await ask("top sent --json 3", { group: 1 });
    assertEquals(ids(first.sample), "60 59 58");
    assertEquals(first.sample.states.open, 60);
    assertEquals(first.sample.channels.length, 2);
    assertEquals(first.sample.listener, { address: "::", port: 8080 });
    assertEquals(first.session.group, 1);
    assertEquals(first.session.top?.[0]?.ids.length, 60);
    assertEquals((await ask("top --json", first.session)).sample.connections.length, 24);
    assertEquals(ids((await ask("top age age --json 2", first.session)).sample), "60 59");
    assertEquals((await ask("t s --json 9999", first.session)).sample.connections.length, 60);
  },
  PURE,
);

t("liveOrders() accepts a line with sort keys only", () => {
  assertEquals(liveOrders([]), TOP_ORDERS);
  assertEquals(liveOrders(["conns"])?.channels.key, "conns");
  assertEquals(liveOrders(["age", "a"])?.connections, { key: "age", reversed: true });
  assertEquals(liveOrders(["--json"]), undefined);
  assertEquals(liveOrders(["x"]), undefined);
}, PURE);
