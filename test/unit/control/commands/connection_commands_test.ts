import { assertEquals } from "@std/assert";
import type { ConnectionInfo } from "../../../../lib/base/connection_info.ts";
import { runLine } from "../../../../lib/control/commands/command.ts";
import { COMMANDS } from "../../../../lib/control/commands/commands.ts";
import { newTable } from "../../../../lib/table/table.ts";
import { controlContext } from "../../../helpers/control/control_context.ts";
import { info } from "../../../helpers/control/top_samples.ts";
import { t } from "../../../helpers/t.ts";

const PURE = { permissions: "none" } as const;

const OPEN: readonly ConnectionInfo[] = [
  info(1, {
    client: { address: "192.0.2.7", port: 40001 },
    backend: { address: "2001:db8::9", port: 80 },
    ...{ group: 0, channel: 1, ageMs: 61_000 },
  }),
  info(2, { client: { address: "2001:db8::7", port: 40002 }, group: 1, channel: 0, sent: 5 }),
  info(3, { client: { address: "192.0.2.200", port: 40003 }, state: "dialing" }),
];

/** The output of a line for these open connections. */
async function output(line: string, open = OPEN): Promise<string> {
  const table = newTable({ groups: 2, channels: 2, workers: 1 });
  const context = {
    ...controlContext(table, () => Promise.reject(new Error("no names here"))),
    connections: {
      connections: () => Promise.resolve([...open]),
      close: () => Promise.resolve(0),
    },
  };
  return (await runLine(COMMANDS, line, { context, session: { group: 0 } })).text;
}

t("conns prints a heading and a line per connection, in aligned columns", async () => {
  assertEquals(
    await output("conns"),
    [
      "        id client                channel     age    idle        sent        rcvd state       backend",
      "         1 192.0.2.7:40001           0.1   1m01s      0s           0           0 open        [2001:db8::9]:80",
      "         2 [2001:db8::7]:40002       1.0     59s      0s           5           0 open        -",
      "         3 192.0.2.200:40003           -     59s      0s           0           0 dialing     -",
      "",
    ].join("\n"),
  );
}, PURE);

t("conns has a column of peers if a PROXY header has named a client", async () => {
  const peer = { address: "10.0.0.1", port: 50001 };
  assertEquals(
    await output("conns", [{ ...OPEN[0]!, peer }, OPEN[1]!]),
    [
      "        id client                peer                  channel     age    idle        sent        rcvd state       backend",
      "         1 192.0.2.7:40001       10.0.0.1:50001            0.1   1m01s      0s           0           0 open        [2001:db8::9]:80",
      "         2 [2001:db8::7]:40002   -                         1.0     59s      0s           5           0 open        -",
      "",
    ].join("\n"),
  );
}, PURE);

t("conns selects by channel and by the network of the client", async () => {
  const ids = async (line: string) =>
    (JSON.parse(await output(`${line} --json`)) as ConnectionInfo[]).map(({ id }) => id);
  assertEquals(await ids("conns"), [1, 2, 3]);
  assertEquals(await ids("conns 0.1"), [1]);
  assertEquals(await ids("conns client 192.0.2.0/25"), [1]);
  assertEquals(await ids("conns client 192.0.2.0/24"), [1, 3]);
  assertEquals(await ids("conns 1.0 client 2001:db8::/32"), [2]);
  assertEquals(await ids("conns 0.1 client 2001:db8::/32"), []);
}, PURE);

t("conns refuses an invalid selection, and an invalid network with its reason", async () => {
  assertEquals(await output("conns x"), "invalid selection [x]\n");
  assertEquals(
    await output("conns client 1.2.3.4/33"),
    "invalid range [1.2.3.4/33]: bits must be 0 to 32\n",
  );
  assertEquals(await output("conns client"), "usage: conns [G.N] [client CIDR] [--json]\n");
}, PURE);
