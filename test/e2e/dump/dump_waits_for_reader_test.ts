/** A dump to a named pipe that nobody reads yet. Opening one blocks in the system. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { run } from "../../helpers/dump/capture_tools.ts";
import { parseDump } from "../../helpers/dump/packet_dump.ts";
import { readConversations } from "../../helpers/dump/pcapng_conversations.ts";
import { named } from "../../helpers/net/backends.ts";
import { ask } from "../../helpers/net/client.ts";
import { command, controlSession } from "../../helpers/net/control_socket.ts";
import { startControlled } from "../../helpers/program/start_controlled.ts";
import { later, until, within, withTools } from "../../helpers/t.ts";
import { tempDir } from "../../helpers/temp_dir.ts";

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

/** Number of connections in a dump that starts with its header. */
const CONNECTIONS: Readonly<Record<string, (dump: Uint8Array) => number>> = {
  text: (dump) => parseDump(dump).filter(({ bytes }) => text(bytes) === "B0\n").length,
  json: (dump) => text(dump).trimEnd().split("\n").filter((line) => isOpen(line)).length,
  pcapng: (dump) => readConversations(dump).length,
};

const isOpen = (line: string) => JSON.parse(line).type === "open";

for (const workers of [1, 4]) {
  const title = (name: string) => `${name} (${workers} worker${workers === 1 ? "" : "s"})`;
  const argv = ["-f", "--workers", `${workers}`];

  withTools(
    ["mkfifo", "cat"],
    title("dump on to a pipe that nobody reads stops neither relay nor control"),
    async () => {
      await using server = named("B0");
      await using balance = await startControlled([...argv, "PORT", server.address]);
      using session = await controlSession(balance.socket);
      for (const [format, count] of Object.entries(CONNECTIONS)) {
        using dir = tempDir();
        const pipe = `${dir.path}/pipe`;
        await run("mkfifo", [pipe]);
        const on = await command(session, `dump on ${format} ${pipe}`);
        const waiting = `dump on: ${format} to ${pipe}\n  waiting for a reader of the named pipe\n`;
        assertEquals(on, waiting);
        assert((await command(session, "dump")).startsWith(waiting));
        assertEquals(JSON.parse(await command(session, "dump --json")).waitsForReader, true);
        assertEquals(await ask(balance.port), "B0");

        const reader = new Deno.Command("cat", { args: [pipe], stdout: "piped" }).spawn();
        const all = later(reader.output());
        await until(async () => !/waiting/.test(await command(session, "dump")));
        assertEquals(await ask(balance.port), "B0");
        // Both ends of each connection are in the dump by then.
        await until(async () => await command(session, "conns --json") === "[]\n");
        assertEquals(await command(session, "dump off"), "dump off\n");
        const { stdout } = await within(all, { timeoutMs: 10_000, what: "the reader" });
        assertEquals(count(stdout), 2, format);
      }
    },
  );

  withTools(
    ["mkfifo"],
    title("a dump to a pipe that nobody reads can be turned off, and SIGTERM ends the program"),
    async () => {
      using dir = tempDir();
      const pipe = `${dir.path}/pipe`;
      await run("mkfifo", [pipe]);
      await using server = named("B0");
      await using balance = await startControlled([
        ...[...argv, "--dump-file", pipe, "PORT", server.address],
      ], {
        expectStderr:
          /^(cannot write dump file \[\S+\]: nobody reads it, its records are dropped\n){2}$/,
      });
      using session = await controlSession(balance.socket);
      assertMatch(await command(session, "dump"), /waiting for a reader/);
      assertEquals(await ask(balance.port), "B0");
      assertEquals(await command(session, "dump off"), "dump off\n");
      assertEquals(await command(session, "dump"), "dump off\n");
      assertMatch(await command(session, `dump on json ${pipe}`), /waiting for a reader/);
      assertEquals(await ask(balance.port), "B0");
      const start = performance.now();
      balance.kill();
      const { code } = await within(balance.ended, { timeoutMs: 5000, what: "the end" });
      assertEquals(code, 0);
      assert(performance.now() - start < 4000);
    },
  );
}

withTools(["mkfifo"], "a dump continues when its pipe is replaced and SIGHUP sent", async () => {
  using dir = tempDir();
  const pipe = `${dir.path}/pipe`;
  await run("mkfifo", [pipe]);
  const first = await Deno.open(pipe, { read: true, write: true });
  await using server = named("B0");
  await using balance = await startControlled([
    ...["-f", "--dump-format", "json", "--dump-file", pipe, "PORT", server.address],
  ]);
  using session = await controlSession(balance.socket);
  Deno.renameSync(pipe, `${pipe}.old`);
  await run("mkfifo", [pipe]);
  balance.kill("SIGHUP");
  await until(async () => /waiting for a reader/.test(await command(session, "dump")));
  first.close();
  assertEquals(await ask(balance.port), "B0");
  const second = await Deno.open(pipe, { read: true, write: true });
  try {
    const buffer = new Uint8Array(65536);
    const count = await within(second.read(buffer), { timeoutMs: 5000, what: "the dump" });
    assert(isOpen(text(buffer.subarray(0, count!)).split("\n")[0]!));
  } finally {
    second.close();
  }
});
