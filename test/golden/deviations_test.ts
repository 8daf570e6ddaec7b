import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { CONTROL_DEVIATIONS } from "./control_deviations.ts";
import { type Deviation, DEVIATIONS, nameOf } from "./deviations.ts";
import { loadGolden } from "../helpers/golden/golden.ts";
import { deviationItems } from "../helpers/man_page.ts";
import { t } from "../helpers/t.ts";

type GoldenRecord = Record<string, unknown>;

/** Deviations that no golden record can show, by number, and the file that tests each. */
const TESTED_ELSEWHERE: Readonly<Record<number, string>> = {
  // The records have no clients with IPv4-mapped addresses.
  7: "test/unit/schedule/client_hash_test.ts",
  // 3.35 ended on SIGQUIT; the records hold nothing about reopening files.
  23: "test/e2e/lifecycle/sigquit_prints_the_table_test.ts",
  // All recorded failures are refusals and timeouts.
  24: "test/unit/engine/engine_test.ts",
  // The golden tests replace the version of the records.
  29: "test/golden/control_test.ts",
  // The records hold complete outputs, not when they were written.
  30: "test/golden/control_test.ts",
  // Where the client looked depends on the machine.
  36: "test/golden/control_test.ts",
  // The records were made with a reader and a disk that had room.
  38: "test/e2e/lifecycle/unread_stderr_test.ts",
  // The records were made with pipes.
  39: "test/e2e/dump/dump_line_style_test.ts",
  // The records hold no signal to a background without connections but SIGTERM.
  41: "test/e2e/lifecycle/reopen_files_test.ts",
  // The recorded connection ends on its own.
  42: "test/e2e/lifecycle/graceful_shutdown_test.ts",
  44: "test/golden/unrecorded_test.ts",
  // The records hold the events, not the words.
  45: "test/golden/debug_test.ts",
  46: "test/golden/unrecorded_test.ts",
  47: "test/golden/unrecorded_test.ts",
  48: "test/golden/unrecorded_test.ts",
  49: "test/golden/unrecorded_test.ts",
  50: "test/golden/unrecorded_test.ts",
  52: "test/golden/unrecorded_test.ts",
  53: "test/golden/unrecorded_test.ts",
};

/** The record of 3.35 that a deviation is about. */
function recordOf({ file, name }: Deviation): GoldenRecord | undefined {
  return loadGolden<GoldenRecord>(file)
    .find((record) => nameOf(record) === name && record.version !== "3.57");
}

t("every deviation names a record that exists, and is listed once", () => {
  for (const deviation of DEVIATIONS) {
    assert(recordOf(deviation), `${deviation.file}.json has no record ${deviation.name}`);
  }
  const names = DEVIATIONS.map(({ file, name }) => `${file}: ${name}`);
  assertEquals(names.length, new Set(names).size);
});

t("every field of a deviation really differs from what 3.35 did", () => {
  for (const deviation of DEVIATIONS) {
    for (const [field, value] of Object.entries(deviation.designed)) {
      assertNotEquals(recordOf(deviation)?.[field], value, `${deviation.name}: ${field}`);
    }
  }
});

t("every deviation has a reason and a number that the manual page lists", () => {
  const listed = deviationItems().length;
  for (const { name, number, reason } of [...DEVIATIONS, ...CONTROL_DEVIATIONS]) {
    assert(reason.length > 10, name);
    assert(
      Number.isInteger(number) && number >= 1 && number <= listed,
      `${name}: COMPATIBILITY of balance(1) has no item ${number}`,
    );
  }
});

t("every deviation that the manual page lists is shown by a record or tested elsewhere", () => {
  const shown = new Set([...DEVIATIONS, ...CONTROL_DEVIATIONS].map(({ number }) => number));
  const items = deviationItems();
  assert(items.length > 0);
  for (const [index, text] of items.entries()) {
    const number = index + 1;
    const elsewhere = TESTED_ELSEWHERE[number];
    assertNotEquals(shown.has(number), elsewhere !== undefined, `deviation ${number}: ${text}`);
    if (elsewhere !== undefined) {
      assert(Deno.statSync(new URL(`../../${elsewhere}`, import.meta.url)).isFile);
    }
  }
  for (const number of Object.keys(TESTED_ELSEWHERE)) {
    assert(Number(number) <= items.length, `the manual page has no deviation ${number}`);
  }
});
