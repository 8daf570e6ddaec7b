// deno-lint-ignore-file no-control-regex
import { assert, assertEquals, assertThrows } from "@std/assert";
import { joinBytes } from "../../../../lib/base/bytes.ts";
import { UsageError } from "../../../../lib/base/errors.ts";
import { createText } from "../../../../lib/dump/formats/text.ts";
import { type LineStyle, parsePrefix } from "../../../../lib/dump/formats/text_lines.ts";
import { localTime } from "../../../../lib/dump/formats/times.ts";
import { randomBytes } from "../../../helpers/bytes.ts";
import { connectionOf, START } from "../../../helpers/dump/generated_traffic.ts";
import { t } from "../../../helpers/t.ts";

const TIME = localTime(START).slice(11);

/** A dump of two connections. */
function dump(style: LineStyle, bytes = new TextEncoder().encode("GET /\nx")): string {
  const format = createText(style);
  const [one, two] = [connectionOf(1), connectionOf(2)];
  const data = { bytes, time: START };
  return new TextDecoder().decode(joinBytes([
    format.data(one, { direction: "client", ...data }),
    format.data(two, { direction: "backend", ...data }),
    format.end(two, { direction: "client", how: "end", time: START }),
  ]));
}

t("text: every line that is not empty has the prefix", () => {
  assertEquals(dump({}), "-> 7\nGET /\\0A\nx\n-< 7\nGET /\\0A\nx\n-> 0\n\n");
  assertEquals(
    dump({ prefix: ["time", "id", "dir"] }),
    [
      `${TIME} #1 > -> 7`,
      `${TIME} #1 > GET /\\0A`,
      `${TIME} #1 > x`,
      `${TIME} #2 < -< 7`,
      `${TIME} #2 < GET /\\0A`,
      `${TIME} #2 < x`,
      `${TIME} #2 > -> 0`,
      "\n",
    ].join("\n"),
  );
  assert(dump({ prefix: ["dir", "id"] }).startsWith("> #1 -> 7\n> #1 GET"));
});

t("text: colors differ by connection and direction, and change no other byte", () => {
  const colored = dump({ color: true });
  const starts = [...colored.matchAll(/^(\x1b\[[\d;]+m)/gm)].map(([start]) => start);
  assertEquals(starts.length, 7);
  assertEquals(new Set(starts).size, 3);
  for (const line of colored.trimEnd().split("\n")) assert(line.endsWith("\x1b[0m"), line);
  for (const bytes of [randomBytes(100_000, 5), new TextEncoder().encode("\x1b[31m\n\n")]) {
    const plain = dump({}, bytes);
    assertEquals(dump({ color: true }, bytes).replace(/\x1b\[[\d;]+m/g, ""), plain);
  }
});

t("parsePrefix() accepts each field once", () => {
  assertEquals(parsePrefix("dir,time"), ["dir", "time"]);
  assertEquals(parsePrefix("id"), ["id"]);
  for (const text of ["", "time,", "id,id", "direction", "time id"]) {
    assertThrows(() => parsePrefix(text), UsageError, `invalid dump prefix [${text}]`);
  }
});
