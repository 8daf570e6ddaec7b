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
  const file = await openNamedPipe(made.path, made.wait);
  reader.close();
  await assertRejects(() => file!.write(new Uint8Array(1)), Deno.errors.BrokenPipe);
  file!.close();
});

/** A named pipe whose reader reads only when it is told to, and how much fits into it. */
async function fullPipe() {
  const made = await pipe();
  const reader = await Deno.open(made.path, { read: true, write: true });
  const file = (await openNamedPipe(made.path, made.wait))!;
  let written = 0, count: number;
  do written += count = await file.write(new Uint8Array(50_000).fill(7)); while (count === 50_000);
  return {
    ...made,
    reader,
    file,
    written,
    [Symbol.dispose]() {
      file.close();
      reader.close();
      made[Symbol.dispose]();
    },
  };
}

withTools(["mkfifo"], "a write to a full pipe waits until there is room", async () => {
  using full = await fullPipe();
  let isWritten = false;
  const writing = full.file.write(new Uint8Array(100).fill(8)).then((count) => {
    isWritten = true;
    return count;
  });
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert(!isWritten);
  const buffer = new Uint8Array(full.written);
  for (let at = 0; at < full.written;) at += (await full.reader.read(buffer.subarray(at)))!;
  assert(buffer.every((byte) => byte === 7));
  assertEquals(await within(writing, { timeoutMs: 5000, what: "the write" }), 100);
});

withTools(["mkfifo"], "a write to a full pipe ends after giveUp()", async () => {
  using full = await fullPipe();
  const writing = full.file.write(new Uint8Array(100));
  full.wait.giveUp();
  await assertRejects(() => within(writing, { timeoutMs: 5000, what: "the end" }), DOMException);
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
