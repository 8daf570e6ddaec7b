import { assert, assertEquals } from "@std/assert";
import { joinBytes } from "../../../lib/base/bytes.ts";
import { assertSameBytes, randomBytes } from "../../helpers/bytes.ts";
import { readConversations } from "../../helpers/dump/pcapng_conversations.ts";
import { echo, named } from "../../helpers/net/backends.ts";
import { ask, exchange } from "../../helpers/net/client.ts";
import { startBalance } from "../../helpers/program/start_balance.ts";
import { t, until } from "../../helpers/t.ts";
import { exists, tempDir } from "../../helpers/temp_dir.ts";

t("--dump-rotate: every file can be read alone, and together they are complete", async () => {
  using dir = tempDir();
  await using server = echo();
  const sent = randomBytes(3_000_000, 9);
  {
    await using balance = await startBalance([
      ...["-f", "--dump-file", `${dir.path}/r.pcapng`, "--dump-rotate", "500k,50"],
      ...["PORT", server.address],
    ]);
    assertSameBytes(await exchange(balance.port, sent), sent);
    await balance.stop();
  }
  const names = Array.from(Deno.readDirSync(dir.path), ({ name }) => name);
  assert(names.length > 5, names.join(" "));
  const number = (name: string) => Number(/\.(\d+)$/.exec(name)?.[1] ?? 0);
  const files = names.sort((a, b) => number(b) - number(a)).map((name) =>
    readConversations(Deno.readFileSync(`${dir.path}/${name}`))
  );
  assertEquals(files.map((conversations) => conversations.length), files.map(() => 1));
  assertSameBytes(joinBytes(files.map(([one]) => one!.sent)), sent);
  assertSameBytes(joinBytes(files.map(([one]) => one!.rcvd)), sent);
});

t(
  "--dump-rotate: restarts append to the current file, and remove none before its turn",
  async () => {
    using dir = tempDir();
    await using server = named("B0");
    for (const format of ["txt", "pcapng"]) {
      const file = `${dir.path}/r.${format}`;
      const args = ["-f", "--dump-file", file, "--dump-rotate", "1M,2", "PORT", server.address];
      let size = 0;
      for (let start = 0; start < 4; start++) {
        await using balance = await startBalance(args);
        assertEquals(await ask(balance.port), "B0");
        await balance.stop();
        const { size: after } = Deno.statSync(file);
        assert(after > size, `${after} bytes after ${size}`);
        size = after;
      }
      assert(!exists(`${file}.1`));
    }
  },
);

t("%n in the name of the dump file: one file per connection", async () => {
  using dir = tempDir();
  await using server = named("B0");
  await using balance = await startBalance([
    ...["-f", "--dump-file", `${dir.path}/%p-%n.txt`, "PORT", server.address],
  ]);
  const before = await balance.quietFds();
  for (let i = 0; i < 5; i++) assertEquals(await ask(balance.port), "B0");
  await balance.settledFds(before);
  for (let i = 1; i <= 5; i++) {
    const path = `${dir.path}/${balance.port}-${i}.txt`;
    const text = () => exists(path) ? Deno.readTextFileSync(path) : "";
    await until(() => text() === "-< 3\nB0\\0A\n\n-> 0\n\n", { what: () => `a dump: ${text()}` });
  }
});
