import { assertEquals } from "@std/assert";
import { formatEndpoint } from "../../../lib/address/host_port.ts";
import { parseIp } from "../../../lib/address/ip.ts";
import { openChannelSet } from "../../../lib/channel_set/channel_set.ts";
import { DEFAULT_BACKEND_OPTIONS } from "../../../lib/cli/backend_options.ts";
import { parseGroups } from "../../../lib/cli/groups.ts";
import { knownOf } from "../../../lib/names/answer.ts";
import { expandGroups } from "../../../lib/names/expand.ts";
import { ChannelNames } from "../../../lib/table/channel_names.ts";
import { newTable, type Table } from "../../../lib/table/table.ts";
import { claimFor } from "../../helpers/schedule_table.ts";
import { t } from "../../helpers/t.ts";

/** The channels of `web*` with these addresses. */
function wanted(addresses: readonly string[]) {
  const limits = { maxGroups: 1, maxChannels: 16 };
  const schedules = { all: "consistent", byGroup: new Map() } as const;
  const options = { ...DEFAULT_BACKEND_OPTIONS, ...limits, schedules };
  const groups = parseGroups(["web*"], {
    defaultPort: 80,
    services: () => undefined,
    ...options,
  });
  const found = { addresses: addresses.map((one) => parseIp(one)!), targets: [], ttlS: 1 };
  const known = new Map([["web*", knownOf(found, { isAll: true })]]);
  return expandGroups(groups, known, options).wanted;
}

/** Which backend each of many clients gets. */
function choices(table: Table): string[] {
  return Array.from({ length: 500 }, (_, i) => {
    using claim = claimFor(table, `192.0.${i >> 8}.${i & 255}`);
    return claim === undefined ? "-" : formatEndpoint(claim.backend);
  });
}

t("with consistent, clients keep their backends when addresses of NAME* come and go", () => {
  const four = ["10.0.0.2", "10.0.0.4", "10.0.0.6", "10.0.0.8"], added = "10.0.0.1";
  const table = newTable({ groups: 1, channels: 16, workers: 1 });
  const names = new ChannelNames(table);
  using channelSet = openChannelSet({ table, names }, wanted(four));
  const before = choices(table);
  channelSet.apply(wanted([added, ...four]));
  const after = choices(table);
  const moved = after.filter((one, i) => one !== before[i]);
  assertEquals(new Set(moved), new Set([`${added}:80`]));
  assertEquals(moved.length > 50 && moved.length < 150, true, `${moved.length}`);
  // When it is gone, everything is as before; without another one, only its clients move.
  channelSet.apply(wanted(four));
  assertEquals(choices(table), before);
  channelSet.apply(wanted(four.slice(1)));
  const others = choices(table).filter((one, i) =>
    one !== before[i] && before[i] !== `${four[0]}:80`
  );
  assertEquals(others, []);
});
