/** The manual page is well-formed and describes what the program has. */

import { assert, assertEquals } from "@std/assert";
import { EXIT } from "../../../lib/base/errors.ts";
import { namesOf, OPTIONS } from "../../../lib/cli/option_table.ts";
import { COMMANDS } from "../../../lib/control/commands/commands.ts";
import { REASONS, word } from "../../../lib/report/vocabulary.ts";
import { permissionFlags } from "../../../lib/system/permissions.ts";
import { SIGNAL_EXIT } from "../../../lib/system/signals.ts";
import { section, source } from "../../helpers/man_page.ts";
import { config } from "../../helpers/program/program.ts";
import { runProgram } from "../../helpers/program/start_program.ts";
import { skip, t, tool } from "../../helpers/t.ts";

const LINT = "mandoc -Tlint accepts the manual page";
const mandoc = tool("mandoc");
if (mandoc === undefined) skip(LINT, "mandoc is not installed");
else {
  t(LINT, async () => {
    const path = new URL("../../../scripts/package/balance.1", import.meta.url).pathname;
    const { stdout, stderr } = await runProgram(mandoc, ["-Tlint", path]);
    // Two messages depend on the machine: they are about other pages and mandoc's index. NAMES is a
    // section of its own, besides NAME.
    const known = /referenced manual not found|outdated mandoc\.db|Sh NAMES instead of NAME$/;
    const lines = `${stdout}${stderr}`.split("\n").filter((line) =>
      line !== "" && !known.test(line)
    );
    assertEquals(lines, []);
  });
}

/** The heads of the items of a section, such as "Fl b Ar host". */
function items(title: string): string[] {
  return section(title).split("\n").filter((line) => line.startsWith(".It "))
    .map((line) => line.slice(4));
}

t("the manual page describes every option with its argument, and no others", () => {
  const described = items("OPTIONS");
  const options = OPTIONS.map((option) => {
    const names = namesOf(option).map((name) => `Fl ${name.length === 1 ? name : `-${name}`}`);
    return `${names.join(" , ")}${option.argument === undefined ? "" : ` Ar ${option.argument}`}`;
  });
  assertEquals(described.toSorted(), options.toSorted());
});

t("the manual page describes every control command in order, and no others", () => {
  const described = items("COMMANDS").map((item) => item.replace("\\&", ""));
  const nameOf = (item: string) => item.split(" ")[1] ?? "";
  assertEquals([...new Set(described.map(nameOf))], COMMANDS.map(({ name }) => name));
  for (const { name, args } of COMMANDS) {
    const item = described.find((one) => nameOf(one) === name) ?? "";
    for (const arg of args) {
      const word = arg.replaceAll(/[<>]/g, "");
      assert(item.includes(` Ar ${word}`), `${name} has no argument ${word}: ${item}`);
    }
  }
});

t("the manual page describes every exit code", () => {
  const described = items("EXIT STATUS").map((item) => item.split(" ")[0]);
  // balance never exits with these two codes of sysexits(3).
  for (const code of Object.values(EXIT)) {
    if (code === EXIT.ioErr) continue;
    assert(described.includes(String(code)), `exit code ${code} is not described`);
  }
  const text = section("EXIT STATUS");
  for (const [signal, code] of Object.entries(SIGNAL_EXIT)) {
    assert(text.includes(String(code)) && text.includes(signal), `${code} is not described`);
  }
});

t(
  "the manual page describes every environment variable that balance may read, and no others",
  () => {
    const flag = permissionFlags().find((one) => one.startsWith("--allow-env=")) ?? "";
    assertEquals(
      items("ENVIRONMENT").map((item) => item.replace("Ev ", "")).toSorted(),
      flag.replace("--allow-env=", "").split(",").toSorted(),
    );
  },
);

t("the manual page describes every reason of the access log", () => {
  const text = section("CONNECTION LOG");
  for (const reason of REASONS) {
    assert(text.includes(word(reason)), `${word(reason)} is not described`);
  }
});

t("the manual page shows the version of this program", () => {
  assertEquals(
    [...source().matchAll(/^balance (\d\S*) /gm)].map(([, version]) => version),
    [config().version],
  );
});
