import { assert, assertEquals } from "@std/assert";
import type { DumpFormat } from "../../../../lib/dump/formats/format.ts";
import { createJson } from "../../../../lib/dump/formats/json.ts";
import { makeTraffic, START } from "../../../helpers/dump/generated_traffic.ts";
import { type Schema, violations } from "../../../helpers/json_schema.ts";
import { t } from "../../../helpers/t.ts";
import { accepted, answered, record } from "../../../helpers/dump/format_fixtures.ts";

const PURE = { permissions: "none" } as const;

const bytes = (text: string) => new TextEncoder().encode(text);

const text = (from: Uint8Array) => new TextDecoder().decode(from);

const SCHEMA: Schema = JSON.parse(
  Deno.readTextFileSync(new URL("../../../../lib/dump/formats/json.schema.json", import.meta.url)),
);

/** The lines of a JSON dump, each validated against the schema. */
function readLines(file: Uint8Array): Record<string, unknown>[] {
  const lines = text(file).split("\n");
  assertEquals(lines.pop(), "");
  return lines.map((line) => {
    const value = JSON.parse(line);
    assertEquals(violations(SCHEMA, value), [], line);
    return value;
  });
}

t("json: every line has all fields of its connection and follows the schema", () => {
  const file = record(createJson(), (format) => [
    format.open(accepted, START),
    format.event(accepted, { text: "channel 0.0 refused\n", time: START + 1 }),
    format.connected(answered, START + 2),
    format.data(answered, { direction: "client", bytes: bytes('GET "é"\r\n'), time: START + 3 }),
    format.data(answered, { direction: "backend", bytes: Uint8Array.of(0, 255), time: START + 4 }),
    format.data(answered, {
      direction: "backend",
      bytes: bytes("abcd"),
      length: 500,
      time: START + 5,
    }),
    format.end(answered, { direction: "backend", how: "reset", time: START + 6 }),
    format.close(answered, START + 7),
    format.lost(3, START + 8),
  ]);
  const about = { connection: 17, client: "10.0.0.1:40001", listener: "10.0.0.2:6379" };
  const more = {
    ...about,
    channel: "0.1",
    local: "[2001:db8::1]:50000",
    backend: "[2001:db8::2]:6380",
  };
  const time = (plus: number) => `2026-11-22T06:03:20.${123456 + plus}Z`;
  assertEquals(readLines(file), [
    { time: time(0), type: "open", ...about },
    { time: time(1), type: "event", ...about, message: "channel 0.0 refused\n" },
    { time: time(2), type: "connected", ...more },
    {
      time: time(3),
      type: "data",
      ...more,
      direction: "client",
      length: 10,
      data: "R0VUICLDqSINCg==",
      text: 'GET "é"\r\n',
    },
    { time: time(4), type: "data", ...more, direction: "backend", length: 2, data: "AP8=" },
    {
      time: time(5),
      type: "data",
      ...more,
      direction: "backend",
      length: 500,
      data: "YWJjZA==",
      text: "abcd",
    },
    { time: time(6), type: "end", ...more, direction: "backend", how: "reset" },
    { time: time(7), type: "close", ...more },
    { time: time(8), type: "lost", chunks: 3 },
  ]);
}, PURE);

t("json: any bytes can be read back unchanged", () => {
  const traffic = makeTraffic(createJson(), {
    seed: 3,
    connections: 40,
    maxChunk: 100_000,
    restartEvery: 100,
  });
  const lines = traffic.files.flatMap((file) => readLines(file));
  for (const { connection, chunks } of traffic.conversations) {
    const found = lines.filter((line) => line.connection === connection.id && line.type === "data");
    assertEquals(
      found.map(({ direction, data }) => [direction, data]),
      chunks.map((chunk) => [chunk.direction, chunk.bytes.toBase64()]),
    );
  }
});

t("json: text is present only for printable UTF-8", () => {
  const cases: [Uint8Array, string | undefined][] = [
    [bytes("tab\tline\r\n"), "tab\tline\r\n"],
    [bytes("\ufeffZürich 🚀"), "\ufeffZürich 🚀"],
    [bytes("bell\x07"), undefined],
    [bytes("delete\x7f"), undefined],
    [bytes("next line\x85"), undefined],
    [bytes("é").subarray(0, 1), undefined],
    [Uint8Array.of(0xff), undefined],
    [Uint8Array.of(0), undefined],
  ];
  for (const [chunk, wanted] of cases) {
    const format = createJson();
    const [line] = readLines(
      format.data(accepted, { direction: "client", bytes: chunk, time: START }),
    );
    assertEquals(line!.text, wanted);
  }
}, PURE);

t("json: records of the other side are left out, or marked with their side", () => {
  const story = (format: DumpFormat) => [
    format.data(answered, {
      direction: "client",
      bytes: bytes("PROXY"),
      time: START,
      leg: "server",
    }),
    format.end(answered, { direction: "backend", how: "reset", time: START, leg: "server" }),
  ];
  assertEquals(record(createJson(), story).length, 0);
  assertEquals(
    readLines(record(createJson({ side: "both" }), story)).map(({ type, side }) => [type, side]),
    [["data", "server"], ["end", "server"]],
  );
}, PURE);

t("json: the schema rejects lines that the format never writes", () => {
  const good = {
    time: "2026-11-22T06:03:20.123456Z",
    type: "data",
    connection: 1,
    client: "127.0.0.1:1",
    listener: "[::1]:2",
    direction: "client",
    length: 1,
    data: "AA==",
  };
  assertEquals(violations(SCHEMA, good), []);
  const { data: _, ...without } = good;
  for (
    const bad of [
      without,
      { ...good, extra: 1 },
      { ...good, type: "bytes" },
      { ...good, time: "2026-11-22T06:03:20Z" },
      { ...good, client: "localhost:1" },
      { ...good, connection: 0 },
      { ...good, length: 1.5 },
      { ...good, data: "A" },
      { ...good, direction: "server" },
    ]
  ) assert(violations(SCHEMA, bad).length > 0, JSON.stringify(bad));
}, PURE);
