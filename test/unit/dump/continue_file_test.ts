import { assert, assertEquals } from "@std/assert";
import { joinBytes } from "../../../lib/base/bytes.ts";
import { continuation, isOwnFile } from "../../../lib/dump/continue_file.ts";
import { createPcapng } from "../../../lib/dump/formats/pcapng.ts";
import { connectionOf, START } from "../../helpers/dump/generated_traffic.ts";
import { skip, t } from "../../helpers/t.ts";
import { tempDir } from "../../helpers/temp_dir.ts";

t("continuation(): text goes on after a newline", async () => {
  using dir = tempDir();
  const path = `${dir.path}/x`;
  const cases: [content: string, expected: string][] = [["", ""], ["a\n", ""], ['{"a', "\n"]];
  for (const [content, expected] of cases) {
    Deno.writeTextFileSync(path, content);
    for (const format of ["text", "hex", "json"] as const) {
      assertEquals(new TextDecoder().decode(await continuation(path, format)), expected);
    }
  }
});

t("continuation(): pcapng goes on after a complete block, and nothing else does", async () => {
  using dir = tempDir();
  const path = `${dir.path}/x`;
  const format = createPcapng();
  const bytes = new Uint8Array(1000).fill(6);
  const complete = joinBytes([
    format.start(START),
    format.data(connectionOf(1), { direction: "client", bytes, time: START }),
  ]);
  const isContinued = async (content: Uint8Array | string) => {
    if (typeof content === "string") Deno.writeTextFileSync(path, content);
    else Deno.writeFileSync(path, content);
    return await continuation(path, "pcapng") !== undefined;
  };
  assertEquals(await isContinued(""), true);
  assertEquals(await isContinued(complete), true);
  assertEquals(await isContinued(format.start(START)), true);
  for (const cut of [1, 4, 7, 500, 1050, complete.length - 8]) {
    assertEquals(await isContinued(complete.subarray(0, -cut)), false, `cut by ${cut}`);
  }
  for (const other of ["x", "-> 3\nabc\n\n", "{}\n".repeat(100)]) {
    assertEquals(await isContinued(other), false, other);
  }
  assertEquals(await isContinued(complete.slice().fill(0, 8, 12)), false);
});

t("isOwnFile() accepts regular files of this user, and links to them", async () => {
  using dir = tempDir();
  const path = (name: string) => `${dir.path}/${name}`;
  Deno.writeTextFileSync(path("file"), "");
  Deno.symlinkSync(path("file"), path("link"));
  Deno.mkdirSync(path("folder"));
  assertEquals(await Promise.all(["file", "link", "folder"].map((name) => isOwnFile(path(name)))), [
    true,
    true,
    false,
  ]);
});

const OF_OTHERS = "isOwnFile() refuses files and links of other users";
if (Deno.uid() !== 0) skip(OF_OTHERS, "only root can give files away");
else {
  t(OF_OTHERS, async () => {
    using dir = tempDir();
    const path = (name: string) => `${dir.path}/${name}`;
    Deno.writeTextFileSync(path("file"), "");
    Deno.symlinkSync(path("file"), path("link"));
    Deno.chownSync(path("file"), 65534, 65534);
    assertEquals([await isOwnFile(path("file")), await isOwnFile(path("link"))], [false, false]);
    const { success } = await new Deno.Command("chown", {
      args: ["-h", "65534:65534", path("link")],
    }).output();
    assert(success);
    Deno.chownSync(path("file"), 0, 0);
    assertEquals([await isOwnFile(path("file")), await isOwnFile(path("link"))], [true, false]);
  });
}
