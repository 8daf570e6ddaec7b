import { assertEquals } from "@std/assert";
import { circles } from "../../../scripts/floors/circles.ts";
import { reservedImports, staleFloors, upwardImports } from "../../../scripts/floors/directions.ts";
import { foreignModules } from "../../../scripts/floors/extensions.ts";
import { findProblems } from "../../../scripts/floors/find_problems.ts";
import { crowdedFolders, mapProblems } from "../../../scripts/floors/folders.ts";
import { firstComment, longParts } from "../../../scripts/floors/lengths.ts";
import { importsOf, readSources } from "../../../scripts/floors/read_sources.ts";
import { unreachedFiles } from "../../../scripts/floors/unreached.ts";
import { t } from "../../helpers/t.ts";

const FLOORS = [
  ["lib/base"],
  ["lib/engine", "lib/table"],
  ["lib/engine/deno"],
  ["lib/engine/engines.ts"],
  ["main.ts"],
  ["scripts/bench/system", "scripts/compile"],
  ["scripts/bench"],
  ["scripts"],
];

/** The problem of one file that imports another one; empty if it may. */
function importing(file: string, target: string): string {
  return upwardImports(new Map([[file, [target]]]), FLOORS).join("\n");
}

/** A graph with an edge for each pair. */
function graph(...edges: [string, string][]): Map<string, string[]> {
  const files = Map.groupBy(edges, ([file]) => file);
  return new Map([...files].map(([file, pairs]) => [file, pairs.map(([, target]) => target)]));
}

/** What `deno info` prints about a file with one import. */
function info(file: string, dependency: { code?: string; type?: string }): string {
  const resolved = (path: string) => ({ specifier: `file:///p/${path}` });
  const { code, type } = dependency;
  return JSON.stringify({
    modules: [{
      specifier: `file:///p/${file}`,
      dependencies: [{
        specifier: "./x.ts",
        ...(code === undefined ? {} : { code: resolved(code) }),
        ...(type === undefined ? {} : { type: resolved(type) }),
      }],
    }],
  });
}

const ROOT = new URL("file:///p/");

t("check_floors accepts imports from the same folder and from lower floors", () => {
  assertEquals(importing("lib/base/a.ts", "lib/base/b.ts"), "");
  assertEquals(importing("lib/table/a.ts", "lib/base/b.ts"), "");
  assertEquals(importing("lib/engine/engines.ts", "lib/engine/deno/a.ts"), "");
  assertEquals(importing("lib/engine/engines.ts", "lib/engine/engine.ts"), "");
  assertEquals(importing("main.ts", "lib/engine/engines.ts"), "");
  assertEquals(importing("scripts/bench/a.ts", "scripts/bench/system/b.ts"), "");
});

t("check_floors finds an upward import of a value", () => {
  assertEquals(
    importing("lib/base/a.ts", "lib/table/b.ts"),
    "lib/base/a.ts: imports lib/table/b.ts, but lib/table is not below lib/base",
  );
});

t("check_floors finds an upward import of a type", () => {
  const imports = importsOf(info("lib/base/a.ts", { type: "lib/table/b.ts" }), ROOT);
  assertEquals(upwardImports(imports, FLOORS), [
    "lib/base/a.ts: imports lib/table/b.ts, but lib/table is not below lib/base",
  ]);
});

t("check_floors finds an import between two folders of one floor", () => {
  assertEquals(
    importing("lib/table/a.ts", "lib/engine/b.ts"),
    "lib/table/a.ts: imports lib/engine/b.ts, but lib/engine is not below lib/table",
  );
});

t("check_floors finds an import of a file that stands above its own folder", () => {
  assertEquals(
    importing("lib/engine/engine.ts", "lib/engine/engines.ts"),
    "lib/engine/engine.ts: imports lib/engine/engines.ts, " +
      "but lib/engine/engines.ts is not below lib/engine",
  );
});

t("check_floors finds a folder without a floor", () => {
  assertEquals(
    importing("lib/new/a.ts", "lib/base/b.ts"),
    "lib/new/a.ts: its folder has no floor; add it to scripts/floors/floors.ts",
  );
  assertEquals(
    importing("lib/base/a.ts", "lib/new/b.ts"),
    "lib/base/a.ts: imports lib/new/b.ts, which has no floor",
  );
});

t("check_floors finds a floor whose folder or file does not exist", () => {
  assertEquals(
    staleFloors(["lib/base/a.ts", "main.ts"], [["lib/base"], ["lib/gone"], ["main.ts"]], {}),
    ["scripts/floors/floors.ts: lists lib/gone, which does not exist"],
  );
  assertEquals(
    staleFloors(["lib/base/a.ts"], [["lib/base"]], { "lib/gone": ["lib/base/a.ts", "lib/b.ts"] }),
    [
      "scripts/floors/floors.ts: lists lib/gone, which does not exist",
      "scripts/floors/floors.ts: lists lib/b.ts, which does not exist",
    ],
  );
});

t("check_floors finds an import from a reserved folder", () => {
  const targets = ["lib/engine/deno/byte_conn.ts", "lib/engine/engine.ts"];
  const problems = (file: string) => reservedImports(new Map([[file, targets]]));
  assertEquals(problems("lib/engine/engines.ts"), []);
  assertEquals(problems("lib/engine/deno/deno_engine.ts"), []);
  assertEquals(problems("lib/connection/context.ts"), [
    "lib/connection/context.ts: imports lib/engine/deno/byte_conn.ts, " +
    "but only lib/engine/engines.ts, lib/check/probes/open.ts may",
  ]);
});

t("check_floors finds an import of scripts or tests in lib", () => {
  assertEquals(
    importing("lib/base/a.ts", "scripts/compile/b.ts"),
    "lib/base/a.ts: imports scripts/compile/b.ts, but scripts/compile is not below lib/base",
  );
  assertEquals(
    importing("lib/base/a.ts", "test/helpers/t.ts"),
    "lib/base/a.ts: imports test/helpers/t.ts, " +
      "but only scripts import from tests, and only test/helpers/",
  );
});

t("check_floors lets scripts import the helpers of the tests and no other test", () => {
  assertEquals(importing("scripts/demo.ts", "test/helpers/t.ts"), "");
  assertEquals(
    importing("scripts/demo.ts", "test/unit/a_test.ts"),
    "scripts/demo.ts: imports test/unit/a_test.ts, " +
      "but only scripts import from tests, and only test/helpers/",
  );
});

t("check_floors finds an upward import between folders of scripts", () => {
  assertEquals(
    importing("scripts/bench/system/a.ts", "scripts/bench/b.ts"),
    "scripts/bench/system/a.ts: imports scripts/bench/b.ts, " +
      "but scripts/bench is not below scripts/bench/system",
  );
});

t("check_floors finds a circle of imports, and names its files in order", () => {
  const imports = graph(["a.ts", "b.ts"], ["b.ts", "c.ts"], ["c.ts", "b.ts"], ["a.ts", "c.ts"]);
  assertEquals(circles(imports), [
    "b.ts: imports itself in a circle: b.ts -> c.ts -> b.ts",
  ]);
  assertEquals(circles(graph(["a.ts", "b.ts"], ["a.ts", "c.ts"], ["b.ts", "c.ts"])), []);
});

t("check_floors finds a circle that consists of types only", () => {
  const imports = new Map([
    ...importsOf(info("lib/base/a.ts", { type: "lib/base/b.ts" }), ROOT),
    ...importsOf(info("lib/base/b.ts", { type: "lib/base/a.ts" }), ROOT),
  ]);
  assertEquals(circles(imports), [
    "lib/base/a.ts: imports itself in a circle: lib/base/a.ts -> lib/base/b.ts -> lib/base/a.ts",
  ]);
});

t("check_floors ignores imports from outside the project and imports of data", () => {
  assertEquals(
    importsOf(info("lib/base/a.ts", { code: "deno.json" }), ROOT),
    new Map([["lib/base/a.ts", []]]),
  );
  assertEquals(
    importsOf(info("lib/base/a.ts", { code: "lib/b.ts" }), new URL("file:///q/")).size,
    0,
  );
});

t("check_floors finds every module that is not a .ts file", () => {
  const foreign = ["mts", "cts", "d.mts", "tsx", "js", "mjs", "cjs", "jsx"].map((end) =>
    `lib/a.${end}`
  );
  assertEquals(
    foreignModules([...foreign, "lib/a.ts", "lib/a.d.ts", "scripts/a.c"]),
    foreign.map((file) => `${file}: not a .ts file`),
  );
});

t("check_floors finds an upward import in and of files with any extension", async () => {
  const folder = await Deno.realPath(await Deno.makeTempDir());
  const write = async (file: string, text: string) => {
    await Deno.mkdir(`${folder}/${file.slice(0, file.lastIndexOf("/") + 1)}`, { recursive: true });
    await Deno.writeTextFile(`${folder}/${file}`, text);
  };
  try {
    await Deno.mkdir(`${folder}/scripts`);
    await write("main.ts", 'import "./lib/base/a.ts";');
    await write("lib/workers/worker.ts", "");
    await write("lib/base/a.ts", 'import "../table/b.mts"; import type {} from "../table/c.d.ts";');
    await write("lib/table/b.mts", 'import "../workers/worker.ts";');
    await write("lib/table/c.d.ts", 'import "../workers/worker.ts";');
    await write("lib/table/d.js", 'import "../workers/worker.ts";');
    const problems = findProblems(await readSources(new URL(`file://${folder}/`)));
    const upward = ["lib/base/a.ts: imports lib/table/b.mts, but lib/table is not below lib/base"];
    upward.push("lib/base/a.ts: imports lib/table/c.d.ts, but lib/table is not below lib/base");
    for (const file of ["b.mts", "c.d.ts", "d.js"]) {
      upward.push(
        `lib/table/${file}: imports lib/workers/worker.ts, but lib/workers is not below lib/table`,
      );
    }
    assertEquals(problems.filter((line) => line.includes(" imports lib/")).sort(), upward);
    assertEquals(problems.filter((line) => line.includes(" not a ")).sort(), [
      "lib/table/b.mts: not a .ts file",
      "lib/table/d.js: not a .ts file",
    ]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

t("check_floors finds a file of lib that no entry reaches", () => {
  const imports = new Map([
    ["main.ts", ["lib/base/a.ts"]],
    ["lib/base/a.ts", ["lib/base/b.ts"]],
    ["lib/base/b.ts", []],
    ["lib/base/dead.ts", ["lib/base/b.ts"]],
    ["scripts/demo.ts", ["lib/base/dead.ts"]],
  ]);
  assertEquals(unreachedFiles(imports, ["main.ts"]), [
    "lib/base/dead.ts: dead, main.ts does not reach it",
  ]);
});

t("check_floors finds a folder with 16 source files", () => {
  const files = Array.from({ length: 16 }, (_, i) => `lib/base/${i}.ts`);
  assertEquals(crowdedFolders(files), ["lib/base: 16 source files, at most 15"]);
  assertEquals(crowdedFolders(files.slice(1)), []);
  assertEquals(crowdedFolders([...files.slice(1), "lib/base/deeper/15.ts"]), []);
});

t("check_floors finds a folder that the map lacks, and one that does not exist", () => {
  const map = "/**\n * - `lib/base/`: errors\n * - `lib/gone/`: nothing\n */";
  const files = ["main.ts", "lib/base/a.ts", "lib/dump/formats/b.ts"];
  assertEquals(mapProblems(map, files), [
    "main.ts: its map lacks a line for lib/dump/formats/",
    "main.ts: its map lists lib/gone/, which does not exist",
  ]);
  const complete = map.replace("lib/gone/", "lib/dump/formats/");
  assertEquals(mapProblems(complete, files), []);
  assertEquals(mapProblems(complete + complete, files, []), [
    "main.ts: its map lists lib/base/ twice",
    "main.ts: its map lists lib/dump/formats/ twice",
  ]);
});

t("check_floors finds a map that does not list the folders bottom up", () => {
  const files = ["main.ts", "lib/base/a.ts", "lib/table/b.ts", "lib/engine/c.ts"];
  const problems = (...folders: string[]) =>
    mapProblems(folders.map((folder) => ` * - \`lib/${folder}/\`: it\n`).join(""), files, FLOORS);
  assertEquals(problems("base", "table", "engine"), []);
  assertEquals(problems("base", "engine", "table"), []);
  assertEquals(problems("table", "base", "engine"), [
    "main.ts: its map lists lib/base/ after lib/table/, which has a higher floor",
  ]);
});

t("check_floors finds a file of more than 300 lines", () => {
  const lines = (count: number) => "const a = 1;\n".repeat(count);
  assertEquals(longParts("lib/a.ts", lines(300)), []);
  assertEquals(longParts("lib/a.ts", lines(301)), [
    'lib/a.ts: 301 lines, at most 300 without a reason ("Long because")',
  ]);
  assertEquals(longParts("lib/a.ts", `/** Long because of a table. */\n${lines(301)}`), []);
  assertEquals(longParts("lib/a.ts", `/** A. */\n/** Long because. */\n${lines(301)}`).length, 1);
});

t("check_floors finds a function, a method and an arrow function of more than 80 lines", () => {
  for (
    const [open, close] of [
      ["export function a(): number {", "}"],
      ["  async b(c: (d: number) => void): Promise<void> {", "  }"],
      ["  ): Promise<{ a: number }> {", "  }"],
      ["const e = () => {", "};"],
      ["function f() { // deno-lint-ignore", "}"],
    ] as const
  ) {
    const body = (count: number) => `// A.\n${open}\n${"    f();\n".repeat(count)}${close}\n`;
    assertEquals(longParts("lib/a.ts", body(78)), [], open);
    assertEquals(longParts("lib/a.ts", body(79)), [
      'lib/a.ts:2: a function of 81 lines, at most 80 without a reason ("Long because")',
    ], open);
  }
});

t("check_floors finds a long function whose return type takes several lines", () => {
  for (
    const [head, close] of [
      ["function f(): {\n  a: 1;\n} {", "}"],
      ["  async g(): Promise<{\n    a: 1;\n  }> {", "  }"],
      ["function h(): Promise<\n  A\n> {", "}"],
      ["function i(): [\n  1,\n] {", "}"],
      ["function j(\n): asserts a is {\n  a: 1;\n} & B {", "}"],
      ["  k():\n    | A\n    | B {", "  }"],
    ] as const
  ) {
    const body = (count: number) => `${head}\n${"    f();\n".repeat(count)}${close}\n`;
    assertEquals(longParts("lib/a.ts", body(78)), [], head);
    assertEquals(longParts("lib/a.ts", body(79)), [
      `lib/a.ts:${head.split("\n").length}: a function of 81 lines, ` +
      'at most 80 without a reason ("Long because")',
    ], head);
  }
});

t("check_floors accepts a long class, interface, object and list of imports", () => {
  for (
    const head of [
      "export const A = {",
      "export default {",
      "export abstract class A extends B {",
      "class A<\n  B,\n> extends C {",
      "interface A {",
      'declare module "a" {',
      "type A = B & {",
      "import {",
      "f(1, {",
    ]
  ) {
    assertEquals(longParts("lib/a.ts", `${head}\n${"  b: 1,\n".repeat(100)}}\n`), [], head);
  }
});

t("check_floors reads the first comment of a file, wherever it stands", () => {
  assertEquals(firstComment("import a;\n\n/** B. */\nlet c; // d\n"), "/** B. */");
  assertEquals(firstComment("// A.\n// B.\nlet c;\n// D.\n"), "// A.\n// B.\n");
  assertEquals(firstComment("let a;\n"), "");
});
