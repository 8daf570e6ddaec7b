import { assertEquals } from "@std/assert";
import { enterScreen } from "../../../../lib/control/top/screen.ts";
import { t } from "../../../helpers/t.ts";

const PURE = { permissions: "none" } as const;

t("a screen writes only changed lines, and restores the terminal exactly once", () => {
  let written: string[] = [];
  const drawn = () => {
    const all = JSON.stringify(written.join("|"));
    written = [];
    return all.replaceAll("\\u001b[", "^").slice(1, -1);
  };
  const screen = enterScreen((text) => written.push(text));
  assertEquals(drawn(), "^?1049h^?25l^?7l^2J");
  const size = { columns: 6, rows: 3 };
  screen.draw([{ text: "one", style: "heading" }, { text: "two" }, { text: "" }], size);
  assertEquals(drawn(), "^2J^1;1H^2K^7mone   ^0m^2;1H^2Ktwo^3;1H^2K");
  screen.draw([{ text: "one", style: "heading" }, { text: "2", style: "dim" }, { text: "" }], size);
  assertEquals(drawn(), "^2;1H^2K^2m2^0m");
  screen.draw([{ text: "one", style: "heading" }, { text: "2", style: "dim" }, { text: "" }], size);
  assertEquals(drawn(), "");
  // With fewer rows, surplus lines are erased; with another width, everything is redrawn.
  screen.draw([{ text: "one", style: "heading" }], { columns: 6, rows: 1 });
  assertEquals(drawn(), "^2;1H^2K^3;1H^2K");
  screen.draw([{ text: "one", style: "bold" }], { columns: 7, rows: 1 });
  assertEquals(drawn(), "^2J^1;1H^2K^1mone^0m");
  screen.forget();
  screen.draw([{ text: "one" }], { columns: 7, rows: 1 });
  assertEquals(drawn(), "^?1049h^?25l^?7l^2J|^2J^1;1H^2Kone");
  screen.leave();
  screen.leave();
  assertEquals(drawn(), "^0m^2J^H^?7h^?25h^?1049l");
}, PURE);
