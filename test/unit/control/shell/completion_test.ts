import { assertEquals } from "@std/assert";
import { COMMANDS } from "../../../../lib/control/commands/commands.ts";
import {
  candidates,
  type Known,
  needsKnown,
  offer,
} from "../../../../lib/control/shell/completion.ts";
import { t } from "../../../helpers/t.ts";

const PURE = { permissions: "none" } as const;

const KNOWN: Known = {
  group: 1,
  channels: [{ group: 0, channel: 0 }, { group: 0, channel: 1 }, { group: 1, channel: 0 }],
  ids: [7, 12],
};

const CHANNELS = "0 0.0 0.1 1.0", FULL = "0.0 0.1 1.0";
const KEYS = "client channel conn match bytes side prefix rotate overflow";

/** What may follow a text. */
function after(text: string): string {
  return candidates(offer(COMMANDS, text), COMMANDS, KNOWN).join(" ");
}

t("Tab completes commands, channels, groups, connections and words", () => {
  const cases: Readonly<Record<string, string>> = {
    "di": "disable",
    "m": "maxc mrtg-bytes mrtg-conns",
    "": COMMANDS.map(({ name }) => name).filter((name) => name !== "?").join(" "),
    "group 1;  ex": "exit",
    "disable ": CHANNELS,
    "disable 0": "0 0.0 0.1",
    "disable 0.": "0.0 0.1",
    "dis\t1": "1.0",
    "disable 0 ": "",
    "show; remove 1": "1.0",
    "maxc ": CHANNELS,
    "maxc 0 ": "",
    "assign ": CHANNELS,
    "assign 0 ": "",
    "mrtg-bytes ": FULL,
    "group ": "0 1",
    "hash ": "0 1",
    "hash 0 ": "",
    "close ": "7 12 channel",
    "close 1": "12",
    "close channel ": CHANNELS,
    "close 7 ": "",
    "conns ": `${FULL} client --json`,
    "conns client ": "",
    "conns client 10.0.0.0/8 --": "--json",
    "conns client 10.0.0.0/8 ": `${FULL} --json`,
    "conns 0.0 ": "client --json",
    "show ": "--json",
    "show --json ": "",
    "help dis": "disable",
    "? e": "enable exit",
    "top ": "number conns rate sent rcvd age --json",
    "top r": "rate rcvd",
    "top rate ": "--json",
    "dump ": "on off --json",
    "dump of": "off",
    "dump off ": "",
    "dump on ": `text hex json pcapng ${KEYS}`,
    "dump on hex /tmp/x ": KEYS,
    "dump on hex /tmp/x co": "conn",
    "dump on conn ": "7 12",
    "dump on channel 1": "1.0",
    "dump on channel 1.0 cl": "client",
    "dump on match 'a": "",
    "dump on match 'a b' ": "",
    "drain ": `${CHANNELS} --all`,
    "drain -": "--all",
    "drain 0 ": "",
    "undrain 1": "1.0",
    "weight ": CHANNELS,
    "weight 0 ": "",
    "sch": "schedule",
    "schedule ": "rr hash least random first consistent",
    "schedule least ": "0 1",
    "check": "check checks",
    "check ": CHANNELS,
    "check 0 ": "tcp http:/ redis postgres mysql smtp send: expect: exec: agent: none default",
    "check 0 tcp ": "",
    "checks ": "--json",
    "create ": "",
    "create web 80 ": "weight= check= check-port= send-proxy=",
    "create web 80 check=tcp w": "weight=",
    "version ": "",
    "bogus ": "",
    "__proto__ ": "",
  };
  for (const [text, expected] of Object.entries(cases)) assertEquals(after(text), expected, text);
}, PURE);

t("only channels, groups and connections are asked of the server", () => {
  const asks = (text: string) => needsKnown(offer(COMMANDS, text));
  assertEquals(["di", "show ", "help ", "dump on "].map(asks), [false, false, false, false]);
  assertEquals(["disable ", "close ", "hash ", "conns "].map(asks), [true, true, true, true]);
}, PURE);
