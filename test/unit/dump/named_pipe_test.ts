import { assert, assertEquals, assertRejects } from "@std/assert";
import { openNamedPipe, ReaderWait } from "../../../lib/dump/named_pipe.ts";
import { t, tool, within, withTools } from "../../helpers/t.ts";
import { tempDir } from "../../helpers/temp_dir.ts";

/** A named pipe, and how to wait for its reader. */
async function pipe() {
  const dir = tempDir();
  const path = `${dir.path}/pipe`;
  await new Deno.Command(tool("mkfifo")!, { args: [path] }).output();
  return { path, wait: new ReaderWait(), [Symbol.dispose]: dir[Symbol.dispose] };
}

withTools(["mkfifo", "cat"], "openNamedPipe() opens a pipe when its reader comes", async () => {
  using made = await pipe();
  const opening = openNamedPipe(made.path, made.wait);
  await within(made.wait.known, { timeoutMs: 5000, what: "the first attempt" });
  assert(made.wait.isWaiting);
  const reader = new Deno.Command("cat", { args: [made.path], stdout: "piped" }).spawn();
  const file = await within(opening, { timeoutMs: 5000, what: "the pipe to open" });
  assertEquals(await file!.write(new TextEncoder().encode("hello")), 5);
  file!.close();
  // It sees the end, so that no other descriptor is left.
  const { stdout } = await within(reader.output(), { timeoutMs: 5000, what: "the reader" });
  assertEquals(new TextDecoder().decode(stdout), "hello");
  assert(!made.wait.isWaiting);
});

withTools(["mkfifo"], "openNamedPipe() reports when the reader has left again", async () => {
  using made = await pipe();
  const reader = await Deno.open(made.path, { read: true, write: true });
  using file = await openNamedPipe(made.path, made.wait);
  reader.close();
  await assertRejects(() => file!.write(new Uint8Array(1)), Deno.errors.BrokenPipe);
});

withTools(["mkfifo"], "openNamedPipe() stops waiting after giveUp()", async () => {
  using made = await pipe();
  const opening = openNamedPipe(made.path, made.wait);
  await within(made.wait.known, { timeoutMs: 5000, what: "the first attempt" });
  assert(made.wait.isWaiting);
  made.wait.giveUp();
  await assertRejects(() => within(opening, { timeoutMs: 5000, what: "the end" }), DOMException);
});

withTools(["mkfifo"], "openNamedPipe() returns when something else is at the path", async () => {
  using made = await pipe();
  const opening = openNamedPipe(made.path, made.wait);
  await within(made.wait.known, { timeoutMs: 5000, what: "the first attempt" });
  assert(made.wait.isWaiting);
  Deno.removeSync(made.path);
  Deno.writeTextFileSync(made.path, "a file");
  assertEquals(await within(opening, { timeoutMs: 5000, what: "the end" }), undefined);
});

t("openNamedPipe() does not open regular files", async () => {
  using dir = tempDir();
  const path = `${dir.path}/file`;
  Deno.writeTextFileSync(path, "kept");
  assertEquals(await openNamedPipe(path, new ReaderWait()), undefined);
  assertEquals(Deno.readTextFileSync(path), "kept");
});
