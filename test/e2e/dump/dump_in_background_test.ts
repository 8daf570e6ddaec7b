import { assertEquals, assertMatch } from "@std/assert";
import { named } from "../../helpers/net/backends.ts";
import { ask } from "../../helpers/net/client.ts";
import { command, controlSession } from "../../helpers/net/control_socket.ts";
import { startBackground } from "../../helpers/program/start_background.ts";
import { t, until } from "../../helpers/t.ts";
import { exists, tempDir } from "../../helpers/temp_dir.ts";

t("in the background: a relative dump file, its rotation with SIGHUP, and dump on", async () => {
  using dir = tempDir();
  await using server = named("B0");
  await using balance = await startBackground([
    ...["--dump-file", "relative.json", "PORT", server.address],
  ], { cwd: dir.path });
  const data = (name: string) =>
    Deno.readTextFileSync(`${dir.path}/${name}`).split("\n")
      .filter((line) => line.includes('"type":"data"')).length;
  // It exists before the parent ends.
  assertEquals(Deno.statSync(`${dir.path}/relative.json`).mode! & 0o777, 0o600);
  using session = await controlSession(balance.socket);
  assertMatch(await command(session, "dump"), /^dump on: json to \/.*\/relative\.json\n/);
  assertEquals(await ask(balance.port), "B0");
  await until(() => data("relative.json") === 1);
  Deno.renameSync(`${dir.path}/relative.json`, `${dir.path}/rotated.json`);
  balance.kill("SIGHUP");
  await until(() => exists(`${dir.path}/relative.json`), { what: "a new file" });
  assertEquals(await ask(balance.port), "B0");
  await until(() => data("relative.json") === 1);
  assertEquals(data("rotated.json"), 1);
  assertEquals(await command(session, "dump off"), "dump off\n");
  const refused = await session.ask("dump on json");
  assertEquals(
    [refused.text, refused.failed],
    ["in the background there is no standard output: name a file\n", true],
  );
  assertEquals(
    await command(session, "dump on"),
    `dump on: json to ${Deno.realPathSync(dir.path)}/relative.json\n`,
  );
});
