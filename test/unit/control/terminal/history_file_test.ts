import { assert, assertEquals } from "@std/assert";
import { openHistory } from "../../../../lib/control/terminal/history_file.ts";
import { MAX_HISTORY } from "../../../../lib/control/terminal/line_reader.ts";
import { namesIn, tempDir } from "../../../helpers/temp_dir.ts";
import { runProgram } from "../../../helpers/program/start_program.ts";
import { t, withTools } from "../../../helpers/t.ts";

/** Opens a history, adds lines, and closes it. @returns The lines found. */
async function use(path: string | undefined, ...lines: string[]): Promise<readonly string[]> {
  await using history = await openHistory(path);
  for (const line of lines) history.add(line);
  return history.lines;
}

t("history is kept in a private file, which is created with its directory", async () => {
  using dir = tempDir();
  const path = `${dir.path}/state/balance/history`;
  assertEquals(await use(path, "show", "disable 0"), []);
  assertEquals(await use(path, "quit"), ["show", "disable 0"]);
  assertEquals(await use(path), ["show", "disable 0", "quit"]);
  assertEquals((Deno.statSync(path).mode ?? 0) & 0o777, 0o600);
  assertEquals((Deno.statSync(`${dir.path}/state/balance`).mode ?? 0) & 0o777, 0o700);
});

t("two shells at a time both keep their lines", async () => {
  using dir = tempDir();
  const path = `${dir.path}/history`;
  await using one = await openHistory(path);
  await using other = await openHistory(path);
  one.add("a");
  other.add("b");
  await one[Symbol.asyncDispose]();
  await other[Symbol.asyncDispose]();
  assertEquals([...await use(path)].sort(), ["a", "b"]);
});

t("the file is bounded, and control characters in it are not used", async () => {
  using dir = tempDir();
  const path = `${dir.path}/history`;
  const lines = Array.from({ length: 3 * MAX_HISTORY }, (_, i) => `disable ${i}`);
  Deno.writeTextFileSync(path, `${lines.join("\n")}\nevil\x1b[2J\n`, { mode: 0o600 });
  assertEquals(await use(path), lines.slice(-MAX_HISTORY));
  assertEquals(Deno.readTextFileSync(path).split("\n").length, MAX_HISTORY + 1);
  assertEquals(namesIn(dir.path), ["history"]);
  assertEquals((Deno.statSync(path).mode ?? 0) & 0o777, 0o600);
  // A file that is much too large is neither read nor appended to.
  Deno.truncateSync(path, 1 << 30);
  assertEquals(await use(path, "show"), []);
  assertEquals(Deno.statSync(path).size, 1 << 30);
});

t("a history that cannot be shortened is read anyway", async () => {
  using dir = tempDir();
  const path = `${dir.path}/history`;
  const lines = Array.from({ length: 2 * MAX_HISTORY + 1 }, (_, i) => `disable ${i}`);
  Deno.writeTextFileSync(path, `${lines.join("\n")}\n`);
  // The new file cannot be created.
  Deno.mkdirSync(`${path}.${Deno.pid}`);
  assertEquals(await use(path), lines.slice(-MAX_HISTORY));
  assertEquals(Deno.readTextFileSync(path), `${lines.join("\n")}\n`);
});

t("without a usable file there is no history, and no error", async () => {
  using dir = tempDir();
  const { path } = dir;
  assertEquals(await use(undefined, "show"), []);
  assertEquals(await use(path, "show"), []);
  Deno.writeTextFileSync(`${path}/file`, "");
  assertEquals(await use(`${path}/file/balance/history`, "show"), []);
  Deno.symlinkSync(`${path}/target`, `${path}/link`);
  assertEquals(await use(`${path}/link`, "show"), []);
  assertEquals(namesIn(path).sort(), ["file", "link"]);
});

withTools(["mkfifo"], "a named pipe in its place does not block the shell", async () => {
  using dir = tempDir();
  const path = `${dir.path}/history`;
  assertEquals((await runProgram("mkfifo", [path])).code, 0);
  assertEquals(await use(path, "show"), []);
  assert(Deno.lstatSync(path).isFifo);
});
