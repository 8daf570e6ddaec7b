import { assert } from "@std/assert";
import { dashed, namesOf, OPTIONS } from "../../../lib/cli/option_table.ts";
import { usage } from "../../../lib/cli/usage.ts";
import { t } from "../../helpers/t.ts";

t("the usage fits on one screen of 50 lines and 79 columns, and names every option", () => {
  const lines = usage().trimEnd().split("\n");
  assert(lines.length <= 50, `${lines.length} lines`);
  for (const line of lines) assert(line.length <= 79, line);
  for (const option of OPTIONS.flatMap((entry) => namesOf(entry).map((name) => dashed({ name })))) {
    assert(new RegExp(`[ :]${option}\\b`).test(usage()), option);
  }
}, { permissions: "none" });
