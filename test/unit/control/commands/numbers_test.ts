import { assertEquals } from "@std/assert";
import { CommandSession } from "../../../helpers/control/command_session.ts";
import { t } from "../../../helpers/t.ts";

const PURE = { permissions: "none" } as const;

t("an argument that must be a number is checked, and the error names its value", async () => {
  const hand = new CommandSession();
  await hand.expect({
    "disable x": "!invalid number [x]",
    "disable 1x": "!invalid number [1x]",
    "disable 1.5": "!no such channel 1.5",
    "disable 0x1": "!invalid number [0x1]",
    "disable 1e0": "!invalid number [1e0]",
    "disable -": "!invalid number [-]",
    "disable ١": "!invalid number [١]",
    "disable 99999999999999999999": "!invalid number [99999999999999999999]",
    "disable 99999999999": "!no such channel 99999999999",
    "disable -1": "!no such channel -1",
    "disable 2": "!no such channel 2",
    "reset 2": "!no such channel 2",
    "enable 4294967296": "!no such channel 4294967296",
    "disable +1": "channel 1 disabled",
    "enable 01": "channel 1 enabled",
    "maxc 9 1": "!unknown channel",
    "maxc 0 x": "!invalid number [x]",
    "maxc 0 2147483648": "!value out of range",
    "maxc 0 -2147483649": "!value out of range",
    "maxc 0 2147483647": "maxc of channel 0 changed to 2147483647",
    "maxc 0 -5": "maxc of channel 0 changed to -5",
    "group 4": "!value out of range",
    "group -1": "!value out of range",
    "group 256": "!value out of range",
    "group x": "!invalid number [x]",
    "mrtg-bytes 4 0": "!unknown group",
    "mrtg-bytes 0 2": "!unknown channel",
    "mrtg-bytes x 0": "!invalid number [x]",
  });
  assertEquals(hand.group, 0);
}, PURE);
