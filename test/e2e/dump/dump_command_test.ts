/** The control command `dump`. */

import { assertEquals, assertMatch } from "@std/assert";
import { named } from "../../helpers/net/backends.ts";
import { ask } from "../../helpers/net/client.ts";
import { command, controlSession } from "../../helpers/net/control_socket.ts";
import { startControlled } from "../../helpers/program/start_controlled.ts";
import { t, until } from "../../helpers/t.ts";
import { tempDir } from "../../helpers/temp_dir.ts";

t("dump on rejects invalid arguments, and the current dump goes on", async () => {
  using dir = tempDir();
  await using server = named("B0");
  await using balance = await startControlled([
    ...["-f", "--dump-file", `${dir.path}/x.json`, "PORT", server.address],
  ]);
  using session = await controlSession(balance.socket);
  const form = ": dump on [format] [file] [word value] ...";
  const refused: [string, string][] = [
    ["dump on x.json", "invalid dump file [x.json]: want an absolute path"],
    ["dump on json x", "invalid dump file [x]: want an absolute path"],
    ["dump on xml /x", `unknown word [/x]${form}`],
    ["dump on /x client", `no value for [client]${form}`],
    ["dump on /x client 1.2.3.4 client 1.2.3.5", `[client] is given twice${form}`],
    ["dump on /x nobody 1", `unknown word [nobody]${form}`],
    ["dump maybe", "usage: dump [--json] | on ... | off"],
    ["dump on client 1.2.3.4/33", "invalid range [1.2.3.4/33]: bits must be 0 to 32"],
    ["dump on channel 1", "invalid channel [1]: want GROUP.CHANNEL"],
    ["dump on conn 12345", "no such connection 12345"],
    ["dump on channel 4.4", "no such channel 4.4"],
    ["dump on conn x", "invalid connection [x]"],
    ["dump on /nowhere/x", "cannot write dump file [/nowhere/x]: No such file or directory"],
    [`dump on ${dir.path}`, `cannot write dump file [${dir.path}]: Is a directory`],
    ["dump on /%x", "invalid dump file [/%x]: %x is not %t (time), %p (port) or %n (connection)"],
  ];
  for (const [line, answer] of refused) {
    const { text, failed } = await session.ask(line);
    assertEquals([text, failed], [`${answer}\n`, true], line);
  }
  assertEquals(await ask(balance.port), "B0");
  // Records of workers arrive a moment later.
  const status = await until(async () => {
    const now = JSON.parse(await command(session, "dump --json"));
    return now.chunks > 0 && now;
  }, { what: "the chunk" });
  assertEquals(
    [status.on, status.format, status.path, status.chunks, status.dropped],
    [true, "json", `${dir.path}/x.json`, 1, 0],
  );
  await command(session, "dump off");
  assertEquals(JSON.parse(await command(session, "dump --json")), { on: false });
});

t("dump on without a file uses the file of the command line, and keeps its content", async () => {
  using dir = tempDir();
  const file = `${dir.path}/x.json`;
  const chunks = (path: string) =>
    Deno.readTextFileSync(path).trimEnd().split("\n").filter(Boolean)
      .map((line) => JSON.parse(line)).filter(({ type }) => type === "data").length;
  await using server = named("B0");
  await using balance = await startControlled(["-f", "--dump-file", file, "PORT", server.address]);
  using session = await controlSession(balance.socket);
  assertEquals(await ask(balance.port), "B0");
  await command(session, "dump off");
  assertEquals(await ask(balance.port), "B0");
  assertEquals(
    await command(session, "dump on client 127.0.0.0/8"),
    `dump on: json to ${file}, client 127.0.0.0/8\n`,
  );
  assertEquals(await ask(balance.port), "B0");
  assertEquals(await ask(balance.port), "B0");
  await command(session, "dump off");
  assertEquals(chunks(file), 3);
});

t("-p stops with dump off, and starts again with dump on", async () => {
  await using server = named("B0");
  await using balance = await startControlled(["-f", "-p", "PORT", server.address]);
  using session = await controlSession(balance.socket);
  assertEquals(await ask(balance.port), "B0");
  await until(async () =>
    /^dump on: text to standard output\n.*\n {2}written 1 /.test(await command(session, "dump"))
  );
  assertEquals(await command(session, "dump off"), "dump off\n");
  assertEquals(await ask(balance.port), "B0");
  assertEquals(await command(session, "dump on"), "dump on: text to standard output\n");
  assertEquals(await ask(balance.port), "B0");
  await until(() => balance.stdout.split("-> 0\n\n").length === 3);
  assertEquals(await command(session, "dump on json"), "dump on: json to standard output\n");
  assertEquals(await ask(balance.port), "B0");
  await balance.stop();
  const block = "-< 3\nB0\\0A\n\n-> 0\n\n";
  assertEquals(balance.stdout.slice(0, 2 * block.length), block + block);
  assertMatch(balance.stdout.slice(2 * block.length), /^\{"time":.*"type":"close".*\}\n$/s);
});
