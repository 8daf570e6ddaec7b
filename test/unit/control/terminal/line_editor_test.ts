import { assertEquals } from "@std/assert";
import { keyDecoder } from "../../../../lib/control/terminal/keys.ts";
import {
  type EditorState,
  MAX_CELLS,
  newLine,
  press,
  textOf,
} from "../../../../lib/control/terminal/line_editor.ts";
import { t } from "../../../helpers/t.ts";

const PURE = { permissions: "none" } as const;
const HISTORY = ["disable 0", "group 1", "disable 1", "show"];

/** The state after typing a text. */
function typed(text: string, state = newLine(HISTORY)): EditorState {
  const decoder = keyDecoder();
  const keys = [...decoder.push(new TextEncoder().encode(text)), ...decoder.flush()];
  return keys.reduce((now, key) => press(now, key).state, state);
}

/** A line with `|` at its cursor. */
function shown(state: EditorState): string {
  const { cells, cursor } = state;
  return `${cells.slice(0, cursor).join("")}|${cells.slice(cursor).join("")}`;
}

const LEFT = "\x1b[D", UP = "\x1b[A", DOWN = "\x1b[B", DELETE = "\x1b[3~";
const C = (letter: string) => String.fromCharCode(letter.charCodeAt(0) - 96);

t("the line is edited with the keys of Emacs and bash", () => {
  const cases: Readonly<Record<string, string>> = {
    "ab": "ab|",
    [`ab${LEFT}x`]: "ax|b",
    [`ab${LEFT}${LEFT}${LEFT}x`]: "x|ab",
    [`abc${C("a")}x${C("e")}y`]: "xabcy|",
    [`abc${C("b")}${C("b")}${C("f")}x`]: "abx|c",
    [`abc${LEFT}\x7f`]: "a|c",
    [`abc${C("a")}${DELETE}`]: "|bc",
    [`abc${C("a")}${C("d")}`]: "|bc",
    [`abc def${C("a")}${C("k")}`]: "|",
    [`abc def${LEFT}${C("u")}`]: "|f",
    [`abc def${LEFT}${C("u")}${C("e")}${C("y")}`]: "fabc de|",
    [`dump on /a/b${C("w")}`]: "dump on |",
    [`dump on /a/b\x1b\x7f`]: "dump on /a/|",
    [`dump on${C("w")}${C("w")}${C("y")}`]: "dump |",
    [`abc def\x1bb\x1bbx`]: "x|abc def",
    [`abc def${C("a")}\x1bfx`]: "abcx| def",
    [`abc def${C("a")}\x1bd`]: "| def",
    [`abc def\x1b[1;5D`]: "abc |def",
    [`ab${C("t")}`]: "ba|",
    [`ab${LEFT}${C("t")}`]: "ba|",
    // What a reader sees as one character is one.
    [`a日e\u0301\u{1f468}\u200d\u{1f469}\x7f`]: "a日e\u0301|",
    [`a日e\u0301\x7f`]: "a日|",
    [`e${LEFT}x${C("e")}\u0301\x7f`]: "x|",
    [`ab\x1b[200~c${C("x")}`]: "abc|",
  };
  for (const [text, expected] of Object.entries(cases)) {
    assertEquals(shown(typed(text)), expected, JSON.stringify(text));
  }
}, PURE);

t("keys report what the caller has to do", () => {
  const cases: Readonly<Record<string, string | undefined>> = {
    "\r": "accept",
    "\t": "complete",
    [C("c")]: "abort",
    [C("d")]: "end",
    [C("l")]: "redraw",
    [C("z")]: "suspend",
    [C("x")]: "bell",
    "\x7f": "bell",
    [DOWN]: "bell",
    "x": undefined,
  };
  for (const [text, expected] of Object.entries(cases)) {
    const [key] = keyDecoder().push(new TextEncoder().encode(text));
    assertEquals(press(newLine(HISTORY), key!).effect, expected, JSON.stringify(text));
  }
  // ^D in a line that is not empty does not end it.
  assertEquals(press(typed("x"), { name: "ctrl-d" }).effect, "bell");
}, PURE);

t("history: up and down, and the new line is kept meanwhile", () => {
  assertEquals(shown(typed(UP)), "show|");
  assertEquals(shown(typed(`new${UP}${UP}`)), "disable 1|");
  assertEquals(shown(typed(`new${UP}${UP}${DOWN}${DOWN}`)), "new|");
  assertEquals(shown(typed(UP.repeat(9))), "disable 0|");
  assertEquals(shown(typed(`${UP}x${UP}${DOWN}`)), "show|");
  assertEquals(shown(typed(`${C("p")}${C("p")}${C("n")}`)), "show|");
  assertEquals(shown(typed("new\x1b<")), "disable 0|");
  assertEquals(shown(typed("new\x1b<\x1b>")), "new|");
  assertEquals(shown(typed(UP, newLine([]))), "|");
}, PURE);

t("^R searches backward, with each character and with each ^R", () => {
  const R = C("r");
  assertEquals(shown(typed(`${R}dis`)), "|disable 1");
  assertEquals(typed(`${R}dis`).search?.query, "dis");
  assertEquals(shown(typed(`${R}dis${R}`)), "|disable 0");
  assertEquals(shown(typed(`${R}roup`)), "g|roup 1");
  // Without a further match, the last one stays.
  const failed = typed(`${R}dis${R}${R}`);
  assertEquals([shown(failed), failed.search?.failed], ["|disable 0", true]);
  assertEquals(shown(typed(`${R}disx`)), "|disable 1");
  // A shorter text searches again from the newest line.
  assertEquals(shown(typed(`${R}disable 0${"\x7f".repeat(2)}`)), "|disable 1");
  assertEquals(shown(typed(`new${R}dis\x7f\x7f\x7f`)), "new|");
  // Canceled, the line is what it was; any other key takes the match.
  for (const cancel of [C("g"), "\x1b"]) {
    const state = typed(`new${LEFT}${R}dis${cancel}`);
    assertEquals([shown(state), state.search], ["ne|w", undefined]);
  }
  assertEquals(shown(typed(`${R}group${C("e")}2`)), "group 12|");
  assertEquals(shown(typed(`${R}group${UP}`)), "disable 0|");
  assertEquals(shown(typed(`${R}group\t`)), "|group 1");
  const found = typed(`new${R}group`);
  const { state, effect } = press(found, { name: "enter" });
  assertEquals([textOf(state), effect, state.search], ["group 1", "accept", undefined]);
  assertEquals(shown(typed(DOWN.repeat(2), typed(`new${R}group${DOWN}`))), "new|");
}, PURE);

t("a line has a maximum length", () => {
  const state = { ...newLine([]), cells: Array(MAX_CELLS).fill("x"), cursor: 0 };
  assertEquals(press(state, { name: "y", text: "y" }), { state, effect: "bell" });
}, PURE);
