import { assert, assertEquals } from "@std/assert";
import { insert, newLine, press } from "../../../../lib/control/terminal/line_editor.ts";
import { inColumns, lineView } from "../../../../lib/control/terminal/line_view.ts";
import { characters, widthOf, widthOfAll } from "../../../../lib/control/terminal/text_width.ts";
import { t } from "../../../helpers/t.ts";

const PURE = { permissions: "none" } as const;

function stateOf(text: string, left = 0) {
  let { state } = insert(newLine([]), text);
  for (let i = 0; i < left; i++) ({ state } = press(state, { name: "left" }));
  return state;
}

t("a row has the prompt, the line and the column of the cursor", () => {
  assertEquals(lineView(stateOf("show"), "balance[0] ", 80), {
    text: "balance[0] show",
    cursor: 15,
  });
  assertEquals(lineView(stateOf("日本x", 1), "> ", 80), { text: "> 日本x", cursor: 6 });
  assertEquals(lineView(stateOf("e\u0301x", 1), "> ", 80), { text: "> e\u0301x", cursor: 3 });
  assertEquals(lineView(stateOf("show"), "balance[0] ", 15).text, "show");
}, PURE);

t("a long line is scrolled so that the cursor is visible, and never wraps", () => {
  for (
    const [text, columns] of [["0123456789".repeat(9), 30], ["日本語".repeat(30), 21]] as const
  ) {
    for (let left = 0; left <= characters(text).length; left++) {
      const state = stateOf(text, left);
      const view = lineView(state, "> ", columns);
      const width = widthOfAll(characters(view.text));
      assert(width < columns, view.text);
      assert(view.cursor >= 2 && view.cursor <= width, `${view.cursor} in ${view.text}`);
      // What is before the cursor is the end of what is before it in the line.
      const cells = characters(view.text.slice(2));
      let count = 0;
      for (let column = 2; column < view.cursor;) column += widthOf(cells[count++]!);
      const shown = cells.slice(0, count).join("").replace(/^<+/, "");
      assert(state.cells.slice(0, state.cursor).join("").endsWith(shown), view.text);
    }
  }
  // Even on a terminal of one column.
  for (let columns = 0; columns < 12; columns++) lineView(stateOf("0123456789"), "> ", columns);
}, PURE);

t("a search has its own prompt", () => {
  const { state } = press(newLine(["show"]), { name: "ctrl-r" });
  const found = press(state, { name: "h", text: "h" }).state;
  assertEquals(lineView(found, "> ", 80), { text: "(reverse-i-search)`h': show", cursor: 24 });
  const failed = press(found, { name: "x", text: "x" }).state;
  assertEquals(lineView(failed, "> ", 80).text, "(failed reverse-i-search)`hx': show");
}, PURE);

t("candidates are listed in columns", () => {
  assertEquals(inColumns(["a", "bb", "c"], 80), "a   bb  c\n");
  assertEquals(inColumns(["a", "bb", "c"], 8), "a   c\nbb\n");
  assertEquals(inColumns(["long", "words"], 3), "long\nwords\n");
}, PURE);
