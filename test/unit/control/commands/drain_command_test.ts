import { assert, assertEquals } from "@std/assert";
import { type Reply, runLine } from "../../../../lib/control/commands/command.ts";
import { COMMANDS } from "../../../../lib/control/commands/commands.ts";
import { openDrains } from "../../../../lib/control/commands/drains.ts";
import { newTable } from "../../../../lib/table/table.ts";
import { controlContext } from "../../../helpers/control/control_context.ts";
import { later, t, until } from "../../../helpers/t.ts";

const PURE = { permissions: "none" } as const;
const LOCAL = new Uint8Array([127, 0, 0, 1]);

/** Two channels in group 0 and one in group 1, and connections that tests open and close. */
function fixture() {
  const table = newTable({ groups: 2, channels: 4, workers: 1 });
  for (const group of [0, 0, 1]) table.add(group, { address: LOCAL, port: 80 });
  const open: { group: number; channel: number; account: number }[] = [];
  const closed: string[] = [];
  const leave = (group: number, channel: number) => {
    const index = open.findIndex((one) => one.group === group && one.channel === channel);
    if (index < 0) return false;
    table.leave(open.splice(index, 1)[0]!.account);
    return true;
  };
  const drains = openDrains(table, {
    close({ group, channel, reason }) {
      let count = 0;
      while (leave(group, channel)) count++;
      closed.push(`${count} of ${group}.${channel}: ${reason}`);
      return Promise.resolve(count);
    },
  });
  const context = {
    ...controlContext(table, () => Promise.resolve(LOCAL)),
    drains,
  };
  const type = (line: string) => runLine(COMMANDS, line, { context, session: { group: 0 } });
  return {
    table,
    closed,
    leave,
    type,
    enter(group: number, channel: number) {
      open.push({ group, channel, account: table.enter(group, channel) });
    },
    /** Runs a command with progress. */
    async follow(line: string, signal = new AbortController().signal) {
      const reply = await type(line);
      const lines = [reply.text];
      async function toEnd(): Promise<Reply> {
        const parts = reply.progress!(signal);
        for (;;) {
          const part = await parts.next();
          lines.push(part.done ? part.value.text : part.value);
          if (part.done) return part.value;
        }
      }
      return { lines, end: later(toEnd()) };
    },
    [Symbol.dispose]: () => drains[Symbol.dispose](),
  };
}

t("drain reports each change of the number, and the end", async () => {
  using one = fixture();
  for (let i = 0; i < 3; i++) one.enter(0, 1);
  const { lines, end } = await one.follow("drain 1");
  assertEquals(one.table.state(0, 1), "draining");
  one.leave(0, 1);
  await until(() => lines.length === 2);
  one.leave(0, 1);
  one.leave(0, 1);
  assertEquals((await end).failed, false);
  assertEquals(lines, [
    "channel 0.1 is draining: 3 connections left\n",
    "channel 0.1 is draining: 2 connections left\n",
    "channel 0.1 is drained\n",
  ]);
  assertEquals(one.closed, []);
});

t("an empty channel is drained at once, also a disabled one, and stays draining", async () => {
  using one = fixture();
  await one.type("disable 0");
  for (const line of ["drain 0", "drain 0 5", "drain 0.0 0"]) {
    assertEquals(await one.type(line), { text: "channel 0.0 is drained\n", failed: false });
    assertEquals(one.table.state(0, 0), "draining");
  }
  assertEquals(await one.type("undrain 0"), { text: "channel 0.0 enabled\n" });
  assertEquals(await one.type("undrain 0"), { text: "channel 0.0 already enabled\n" });
}, PURE);

t(
  "at the deadline, connections are closed for a reason of its own, and drain has failed",
  async () => {
    using one = fixture();
    one.enter(1, 0);
    one.enter(1, 0);
    one.enter(0, 0);
    const { lines, end } = await one.follow("drain 1.0 50ms");
    assertEquals((await end).failed, true);
    assertEquals(lines.at(-1), "channel 1.0 is drained, 2 connections closed at the deadline\n");
    assertEquals(one.closed, ["2 of 1.0: drained"]);
    assertEquals(one.table.c(0, 0), 1);
  },
);

t("a drain ends when its channel gets another state or address, or is removed", async () => {
  for (
    const [line, text, state] of [
      ["enable 0", "is enabled, no longer draining", "enabled"],
      ["undrain 0", "is enabled, no longer draining", "enabled"],
      ["undrain --all", "is enabled, no longer draining", "enabled"],
      ["disable 0", "is disabled, no longer draining", "disabled"],
      ["assign 0 web 81", "has a new address, so the drain was canceled", "draining"],
    ] as const
  ) {
    using one = fixture();
    one.enter(0, 0);
    const { lines, end } = await one.follow("drain 0 100ms");
    assertEquals((await one.type(line)).failed, undefined, line);
    assertEquals((await end).failed, true);
    assertEquals(lines.slice(1), [`channel 0.0 ${text}\n`]);
    assertEquals(one.table.state(0, 0), state);
    // The deadline of this drain is after that one.
    one.enter(0, 1);
    await (await one.follow("drain 1 100ms")).end;
    assertEquals(one.closed, ["1 of 0.1: drained"], line);
  }
});

t("another drain of the same channel replaces its deadline, or removes it", async () => {
  using one = fixture();
  one.enter(0, 0);
  const first = await one.follow("drain 0 100ms");
  const second = await one.follow("drain 0");
  one.enter(0, 1);
  await (await one.follow("drain 1 100ms")).end;
  assertEquals(one.table.c(0, 0), 1);
  const third = await one.follow("drain 0 0");
  for (const { lines, end } of [first, second, third]) {
    assertEquals((await end).failed, true);
    assertEquals(lines.at(-1), "channel 0.0 is drained, 1 connection closed at the deadline\n");
  }
});

t("the command drain ends when its client leaves, and the drain continues", async () => {
  using one = fixture();
  one.enter(0, 0);
  const leaving = new AbortController();
  const { lines, end } = await one.follow("drain 0 100ms", leaving.signal);
  leaving.abort();
  assertEquals((await end).failed, undefined);
  assertEquals(lines, Array(2).fill("channel 0.0 is draining: 1 connection left\n"));
  await until(() => one.closed.length > 0);
  assertEquals(one.closed, ["1 of 0.0: drained"]);
});

t("drain --all takes what is enabled or draining, and names what it loses", async () => {
  using one = fixture();
  await one.type("disable 1");
  one.enter(0, 0);
  one.enter(1, 0);
  const { lines, end } = await one.follow("drain --all");
  assertEquals(lines, ["2 channels are draining: 2 connections left\n"]);
  assertEquals(one.table.state(0, 1), "disabled");
  assertEquals((await one.type("enable 0")).text, "channel 0 enabled\n");
  one.leave(1, 0);
  assertEquals((await end).failed, true);
  assertEquals(
    lines.at(-1),
    "channel 0.0 is enabled, no longer draining\nchannel 1.0 is drained\n",
  );
  one.leave(0, 0);
  assertEquals((await one.type("drain --all")).text, "2 channels are drained\n");
  assertEquals(await one.type("undrain --all"), { text: "2 channels enabled\n" });
  await one.type("disable 0");
  await one.type("disable 1.0");
  assertEquals(await one.type("drain --all"), { text: "no channel is enabled\n", failed: true });
  assertEquals(await one.type("undrain --all"), { text: "0 channels enabled\n" });
});

t("a wrong deadline or channel is an error that changes nothing", async () => {
  using one = fixture();
  const fault = "not a number of seconds from 0 to 2592000, or with a unit: ms, s, m, h";
  for (
    const [line, text] of [
      ["drain 0 soon", `invalid deadline [soon]: ${fault}`],
      ["drain 0 -1", `invalid deadline [-1]: ${fault}`],
      ["drain --all 9999999", `invalid deadline [9999999]: ${fault}`],
      ["drain", "usage: drain <channel>|--all [seconds]"],
      ["drain 0 1 2", "too many words: drain <channel>|--all [seconds]"],
      ["drain 7", "no such channel 7"],
      ["drain --al", "invalid number [--al]"],
      ["undrain", "usage: undrain <channel>|--all"],
      ["undrain 1.7", "no such channel 1.7"],
    ]
  ) {
    assertEquals(await one.type(line!), { text: `${text}\n`, failed: true });
  }
  assert([...one.table.rows()].every(({ state }) => state === "enabled"));
}, PURE);

t("a channel that drains can be removed when it is empty", async () => {
  using one = fixture();
  one.enter(0, 0);
  const { end } = await one.follow("drain 0");
  assertEquals((await one.type("remove 0")).text, "channel 0 has 1 open connection\n");
  one.leave(0, 0);
  await end;
  assertEquals((await one.type("remove 0")).text, "channel 0 removed\n");
});
