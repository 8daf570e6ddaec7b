import { assertEquals } from "@std/assert";
import { type Json, jsonText } from "../../../../lib/report/pages/json_text.ts";
import { t } from "../../../helpers/t.ts";

t("jsonText() yields what JSON.stringify() returns, and reads arrays as it goes", () => {
  const values: Json[] = [
    null,
    1.5,
    NaN,
    'a "b"\n\u2028',
    true,
    [],
    {},
    [[], {}, [1, [2]]],
    { a: undefined, b: { c: [{ d: 1 }, { e: "f" }] }, 'g"': [] },
    { a: undefined },
  ];
  for (const value of values) {
    assertEquals([...jsonText(value)].join(""), JSON.stringify(value, null, 2));
  }
  let read = 0;
  function* items() {
    for (; read < 3; read++) yield { n: read };
  }
  const parts = jsonText({ items: items() });
  assertEquals([parts.next().value, read], ['{\n  "items": ', 0]);
  assertEquals(JSON.parse(`{"items": ${[...parts].join("")}`).items, [{ n: 0 }, { n: 1 }, {
    n: 2,
  }]);
}, { permissions: "none" });
