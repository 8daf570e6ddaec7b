import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { type Deviation, DEVIATIONS, nameOf } from "./deviations.ts";
import { loadGolden } from "../helpers/golden/golden.ts";
import { t } from "../helpers/t.ts";

type GoldenRecord = Record<string, unknown>;

/** The record about 3.35 that a deviation is about. */
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

t("every deviation gives its reason and its number in DESIGN.md", () => {
  for (const { name, number, reason } of DEVIATIONS) {
    assert(reason.length > 10, name);
    assert(number === "-" || (number >= 1 && number <= 28), name);
  }
});
