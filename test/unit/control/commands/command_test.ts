import { assert, assertEquals, assertMatch } from "@std/assert";
import {
  type Command,
  type ControlContext,
  helpText,
  runLine,
} from "../../../../lib/control/commands/command.ts";
import { ChangeGate } from "../../../../lib/state/change_gate.ts";
import { COMMANDS } from "../../../../lib/control/commands/commands.ts";
import { randomNumbers } from "../../../helpers/bytes.ts";
import { t } from "../../../helpers/t.ts";
import { CommandSession } from "../../../helpers/control/command_session.ts";
import { noState } from "../../../helpers/control/control_context.ts";
import { fakeHealth } from "../../../helpers/control/fake_health.ts";

const PURE = { permissions: "none" } as const;

/** The commands of 3.35 in its order; the first match of an abbreviation wins. */
const ORDER =
  "quit show help ? kill disable group reset enable create maxc mrtg-bytes mrtg-conns " +
  "version hash rr";

t("every prefix runs the first matching command; kill must be typed in full", async () => {
  const seen: string[] = [];
  const commands: Command[] = COMMANDS.map((command) => ({
    ...command,
    args: [],
    words: {},
    run: () => {
      seen.push(command.name);
      return { text: "" };
    },
  }));
  const at = {
    context: {
      health: fakeHealth(),
      state: noState(),
      gate: new ChangeGate(),
    } as unknown as ControlContext,
    session: { group: 0 },
  };
  const old = ORDER.split(" ");
  for (const name of COMMANDS.map(({ name }) => name)) {
    for (let length = 1; length <= name.length; length++) {
      const prefix = name.slice(0, length);
      const meant = [...old, ...COMMANDS.map(({ name }) => name)]
        .find((one) => one === "kill" ? prefix === "kill" : one.startsWith(prefix));
      const reply = await runLine(commands, prefix, at);
      assertEquals(seen.pop(), meant, prefix);
      assertEquals(reply.failed ?? false, meant === undefined, prefix);
    }
  }
}, PURE);

t(
  "words are separated by spaces, tabs and line ends, surplus words are an error, NUL ends the line",
  async () => {
    await new CommandSession().expect({
      "": "",
      "  \t ": "",
      "\0show": "",
      "  disable\t 0  x y ": "!too many words: disable <channel>",
      "  disable\t 0  ": "channel 0 disabled",
      "enable 0\0 1": "channel 0 enabled",
      "enable\0 0": "!syntax error",
      "disable 0\r": "channel 0 disabled",
      "\r": "",
      "DISABLE 0": "!syntax error",
      "disable": "!syntax error",
      "maxc 0": "!syntax error",
      "create web": "!syntax error",
      "assign 0 web": "!syntax error",
      "remove": "!usage: remove <channel>",
    });
  },
  PURE,
);

t("help lists every command except ?, one per line, sorted by name", async () => {
  const { text } = await new CommandSession().type("help");
  const [heading, ...lines] = text.trimEnd().split("\n");
  assertEquals(heading, "available commands:");
  assertEquals(lines, [...lines].sort());
  const commands = COMMANDS.filter(({ name }) => name !== "?");
  assertEquals(lines.length, commands.length);
  for (const { name, args, help } of commands) {
    const found = lines.filter((line) => line.startsWith(`  ${[name, ...args].join(" ")} `));
    assertEquals(found.length, 1, name);
    assert(found[0]?.endsWith(` ${help}`), name);
  }
  const extra: Command = { name: "aa", args: ["<b>"], help: "c", run: () => ({ text: "" }) };
  const added = helpText([...COMMANDS, extra]);
  assertMatch(added, /^available commands:\n {2}aa <b> +c\n/);
}, PURE);

t("any input line gets an answer and never throws", async () => {
  const random = randomNumbers(28);
  const words = [
    // kill would stop the server, and top takes a while to measure.
    ...COMMANDS.map(({ name }) => name).filter((name) => name !== "kill" && name !== "top"),
    ..."0 1 -1 99 x . .. :: [::1] [::1]:0 a:b:c :: web \0 \r é \u{1F600} __proto__ --json 0.0"
      .split(" "),
    "constructor",
    "9".repeat(400),
    "a".repeat(4000),
    "\x1b[2J",
  ];
  const hand = new CommandSession();
  for (let i = 0; i < 20_000; i++) {
    const line = Array.from(
      { length: random() % 5 },
      () => words[random() % words.length],
    ).join(random() % 7 === 0 ? "\t" : " ");
    const { text } = await hand.type(line);
    assert(text === "" || text.endsWith("\n"), line);
  }
  assertEquals(hand.table.rows().next().done, false);
}, PURE);
