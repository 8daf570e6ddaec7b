import { assertEquals } from "@std/assert";
import { ChannelNames } from "../../../lib/table/channel_names.ts";
import { newTable } from "../../../lib/table/table.ts";
import { CommandSession } from "../../helpers/control/command_session.ts";
import { t } from "../../helpers/t.ts";

const PURE = { permissions: "none" } as const;

t("ChannelNames keep the host of each channel until it is removed", () => {
  const table = newTable({ groups: 2, channels: 2, workers: 1 }), names = new ChannelNames(table);
  table.add(1, { address: Uint8Array.of(127, 0, 0, 1), port: 80 });
  names.set(1, 0, "web");
  names.set(1, 0, "web2");
  assertEquals([names.get(1, 0), names.get(0, 1)], ["web2", undefined]);
  names.delete(table.id(1, 0));
  assertEquals(names.get(1, 0), undefined);
}, PURE);

t("create, assign and remove keep the names of channels up to date", async () => {
  const session = new CommandSession(1);
  await session.expect({ "create web 80": "channel created" });
  assertEquals(session.names.get(0, 1), "web");
  await session.expect({ "assign 1 10.0.0.1 99": "channel reassigned" });
  assertEquals(session.names.get(0, 1), "10.0.0.1");
  await session.expect({ "remove 1": "channel 1 removed" });
  assertEquals(session.names.get(0, 1), undefined);
}, PURE);
