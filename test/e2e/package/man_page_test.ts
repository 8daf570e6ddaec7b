/** The manual page: that it is well-formed, and that it describes what the program has. */

import { assert, assertEquals } from "@std/assert";
import { EXIT } from "../../../lib/base/errors.ts";
import { OPTIONS } from "../../../lib/cli/option_table.ts";
import { COMMANDS } from "../../../lib/control/commands.ts";
import { permissionFlags } from "../../../lib/system/permissions.ts";
import { SIGNAL_EXIT } from "../../../lib/system/signals.ts";
import { DEVIATIONS } from "../../golden/deviations.ts";
import { section, source } from "../../helpers/man_page.ts";
import { config } from "../../helpers/program/program.ts";
import { runProgram } from "../../helpers/program/start_program.ts";
import { skip, t, tool } from "../../helpers/t.ts";

const LINT = "mandoc -Tlint has nothing to say about the manual page";
const mandoc = tool("mandoc");
if (mandoc === undefined) skip(LINT, "mandoc is not installed");
else {
  t(LINT, async () => {
    const path = new URL("../../../scripts/package/balance.1", import.meta.url).pathname;
    const { stdout, stderr } = await runProgram(mandoc, ["-Tlint", path]);
    // Which other pages are installed, and known to mandoc's index, says nothing about this one.
    const lines = `${stdout}${stderr}`.split("\n").filter((line) =>
      line !== "" && !/referenced manual not found|outdated mandoc\.db/.test(line)
    );
    assertEquals(lines, []);
  });
}

/** First words of the items of a section, such as "-b host", without markup. */
function items(title: string): string[] {
  return section(title).split("\n").filter((line) => line.startsWith(".It "))
    .map((line) => line.slice(4));
}

t("every option is in the manual page with its argument, and no other one", () => {
  const described = items("OPTIONS");
  const options = OPTIONS.map(({ name, argument }) =>
    `Fl ${name.length === 1 ? name : `-${name}`}${argument === undefined ? "" : ` Ar ${argument}`}`
  );
  assertEquals(described.toSorted(), options.toSorted());
});

t("every control command is in the manual page in its order, and no other one", () => {
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

t("every exit code is in the manual page", () => {
  const described = items("EXIT STATUS").map((item) => item.split(" ")[0]);
  // Not all of sysexits(3) is in use; what is described beyond that would be a lie.
  for (const code of Object.values(EXIT)) {
    if (code === EXIT.osErr || code === EXIT.ioErr) continue;
    assert(described.includes(String(code)), `exit code ${code} is not described`);
  }
  const text = section("EXIT STATUS");
  for (const [signal, code] of Object.entries(SIGNAL_EXIT)) {
    assert(text.includes(String(code)) && text.includes(signal), `${code} is not described`);
  }
});

t("every environment variable that may be read is in the manual page, and no other one", () => {
  const flag = permissionFlags().find((one) => one.startsWith("--allow-env=")) ?? "";
  assertEquals(
    items("ENVIRONMENT").map((item) => item.replace("Ev ", "")).toSorted(),
    flag.replace("--allow-env=", "").split(",").toSorted(),
  );
});

t("COMPATIBILITY has every deviation that the golden records show", () => {
  const listed = [...section("COMPATIBILITY").matchAll(/^\.\\" deviations (.*)$/gm)]
    .flatMap(([, numbers = ""]) => numbers.split(", "));
  for (const { number, name } of DEVIATIONS) {
    assert(listed.includes(String(number)), `deviation ${number} (${name}) is not described`);
  }
  const all = Array.from({ length: 28 }, (_, index) => String(index + 1));
  assertEquals(listed.filter((one) => one !== "-").toSorted(), all.toSorted());
});

t("the manual page shows the version of this program", () => {
  assertEquals(
    [...source().matchAll(/^balance (\d\S*) /gm)].map(([, version]) => version),
    [config().version],
  );
});
