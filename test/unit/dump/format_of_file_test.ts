import { assertEquals, assertThrows } from "@std/assert";
import { UsageError } from "../../../lib/base/errors.ts";
import { formatOfFile } from "../../../lib/dump/format_of_file.ts";
import { t } from "../../helpers/t.ts";

const PURE = { permissions: "none" } as const;

const regular = () => false;

t("formatOfFile(): the extension selects the format", () => {
  const names: Readonly<Record<string, readonly string[]>> = {
    text: [
      "x",
      "-",
      "/tmp.d/x",
      "x.txt",
      "x.LOG",
      ".hidden",
      "x.",
      "10.0.0.1",
      "x-%t",
      "%p.%n",
      "x.%t.1",
    ],
    hex: ["/a/x.hex", "x.y.hex", "x.hex.%n"],
    json: ["x.json", "x.jsonl", "x.Json", "%p-%t.json", "x.json.%t", "x.json.12"],
    pcapng: [
      "x.pcapng",
      "x.PCAPNG",
      "x.pcapng.1",
      "x.pcapng.2026-11-22",
      "%n.pcapng",
      "x.pcapng%n",
    ],
  };
  for (const [format, files] of Object.entries(names)) {
    for (const file of files) assertEquals(formatOfFile(file, regular), format, file);
  }
}, PURE);

t("formatOfFile() refuses another extension, except of a named pipe or a device", () => {
  const unknown = "want .txt .log .hex .json .jsonl .pcapng, or choose a format";
  const cases: [file: string, reason: string][] = [
    ["/x.pcap", "the format pcap is not supported, name it .pcapng"],
    ["x.PCAP.1", "the format pcap is not supported, name it .pcapng"],
    ["x.csv", `unknown extension .csv: ${unknown}`],
    ["x.json.gz", `unknown extension .gz: ${unknown}`],
  ];
  for (const [file, reason] of cases) {
    const error = assertThrows(() => formatOfFile(file, regular), UsageError);
    assertEquals(error.message, `invalid dump file [${file}]: ${reason}`);
    assertEquals(formatOfFile(file, () => true), "text");
  }
}, PURE);
