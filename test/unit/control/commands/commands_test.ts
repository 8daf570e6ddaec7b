import { assertEquals, assertMatch } from "@std/assert";
import { VERSION } from "../../../../lib/base/version.ts";
import { COMMANDS } from "../../../../lib/control/commands/commands.ts";
import { t } from "../../../helpers/t.ts";
import { CommandSession } from "../../../helpers/control/command_session.ts";

const PURE = { permissions: "none" } as const;

/** The commands of 3.35 in its order; the first match of an abbreviation wins. */
const ORDER =
  "quit show help ? kill disable group reset enable create maxc mrtg-bytes mrtg-conns " +
  "version hash rr";

t("the commands of 3.35 come first, in the order of 3.35", () => {
  const names = COMMANDS.map(({ name }) => name);
  assertEquals(names.slice(0, 16).join(" "), ORDER);
  assertEquals(names.slice(16, 18), ["assign", "remove"]);
  assertEquals(new Set(names).size, names.length);
}, PURE);

t("the abbreviations in the golden records run the same commands as in 3.35", async () => {
  const meanings: Readonly<Record<string, RegExp>> = {
    h: /^available commands/,
    "?": /^available commands/,
    ha: /^group 0 set to hash/,
    "r 0": /^channel 0 counters reset/,
    "m 0 1": /^maxc of channel 0/,
    "d 0": /^channel 0 disabled/,
    "e 0": /^channel 0 enabled/,
    "c web 80": /^channel created/,
    v: /^ {2}This is balance/,
    s: /^GRP Type/,
    k: /^syntax error/,
    ki: /^syntax error/,
    kil: /^syntax error/,
    kills: /^syntax error/,
  };
  const hand = new CommandSession();
  for (const [line, pattern] of Object.entries(meanings)) {
    assertMatch((await hand.type(line)).text, pattern, line);
  }
}, PURE);

t("version prints the version, the table limits and the engine", async () => {
  const { text } = await new CommandSession().type("version");
  assertEquals(
    text,
    `  This is balance ${VERSION}\n  MAXGROUPS=4\n  MAXCHANNELS=4\n  ENGINE=streams\n`,
  );
}, PURE);

t("quit and kill return an effect for the caller to carry out", async () => {
  const hand = new CommandSession();
  assertEquals(await hand.type("quit"), { text: "", effect: "quit" });
  assertEquals((await hand.type("kill")).effect, "stop");
}, PURE);
