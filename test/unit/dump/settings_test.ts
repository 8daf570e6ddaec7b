import { assertEquals, assertThrows } from "@std/assert";
import { UsageError } from "../../../lib/base/errors.ts";
import {
  CLASSIC_DUMP,
  describeDump,
  type DumpTexts,
  parseDumpSettings,
} from "../../../lib/dump/settings.ts";
import { t } from "../../helpers/t.ts";

const PURE = { permissions: "none" } as const;

t("parseDumpSettings() derives the format from the file name", () => {
  const formats = (...names: string[]) =>
    names.map((file) => parseDumpSettings({ file }).format).join(" ");
  assertEquals(
    formats("/a.pcapng", "/a.PCAPNG", "/a.json", "/a.jsonl", "/a.hex", "/a.txt", "/a", "-"),
    "pcapng pcapng json json hex text text text",
  );
  assertEquals(parseDumpSettings({ file: "/a.json", format: "hex" }).format, "hex");
}, PURE);

t("parseDumpSettings() keeps the values of its base that are not overridden", () => {
  const base = parseDumpSettings({
    file: "/b.pcapng",
    side: "both",
    rotate: "1k,3",
    overflow: "drop",
    client: "10.0.0.0/8",
  });
  const filter = { client: "10.0.0.0/8" };
  const output = {
    format: "pcapng",
    file: "/b.pcapng",
    side: "both",
    overflow: "drop",
    rotate: { bytes: 1024, count: 3 },
  } as const;
  assertEquals(parseDumpSettings({}, base), { ...output, filter });
  // One filter replaces all filters of the base.
  assertEquals(parseDumpSettings({ channel: "0.1" }, base), {
    ...output,
    filter: { channel: "0.1" },
  });
  assertEquals(parseDumpSettings({ side: "client" }, base), { ...output, side: "client", filter });
  // One output option replaces all output options of the base.
  assertEquals(parseDumpSettings({ file: "/c" }, base), {
    ...CLASSIC_DUMP,
    file: "/c",
    rotate: undefined,
  });
  assertEquals(parseDumpSettings({ format: "json" }, base), {
    ...CLASSIC_DUMP,
    format: "json",
    rotate: undefined,
  });
}, PURE);

t("parseDumpSettings() refuses invalid values and names them", () => {
  const refused: [DumpTexts, string][] = [
    [
      { file: "/proc/self/fd/2" },
      "invalid dump file [/dev/stderr]: standard error is for messages, use -",
    ],
    [{ format: "xml" }, "invalid dump format [xml]: want text, hex, json, pcapng"],
    [{ format: "json", side: "left" }, "invalid dump side [left]: want client, server, both"],
    [{ overflow: "wait" }, "invalid dump overflow [wait]: want block, drop"],
    [{ bytes: "0" }, "invalid number of bytes [0]: the text format cannot leave out all bytes"],
    [{ format: "json", bytes: "-1" }, "invalid number of bytes [-1]"],
    [{ connection: "0" }, "invalid connection [0]"],
    [{ channel: "1" }, "invalid channel [1]: want GROUP.CHANNEL"],
    [{ rotate: "1M" }, "a dump to standard output cannot be rotated"],
    [{ file: "/a", rotate: "0" }, "invalid rotation [0]: want SIZE[k|M|G][,COUNT]"],
    [{ file: "" }, "invalid dump file []: empty"],
    [{ file: "/%z" }, "invalid dump file [/%z]: %z is not %t (time), %p (port) or %n (connection)"],
  ];
  for (const [texts, message] of refused) {
    assertEquals(assertThrows(() => parseDumpSettings(texts), UsageError).message, message);
  }
}, PURE);

t("describeDump() describes the dump in one line", () => {
  const described = (texts: DumpTexts) => describeDump(parseDumpSettings(texts));
  assertEquals(described({}), "text to standard output");
  assertEquals(
    described({
      file: "/a.pcapng",
      side: "both",
      connection: "7",
      client: "::1",
      match: "a b",
      bytes: "5",
    }),
    "pcapng to /a.pcapng, side both, client ::1, connection 7, match a b, bytes 5",
  );
}, PURE);
