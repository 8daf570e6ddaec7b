/** One dump after the other, each to a named pipe whose reader has it open and never reads. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { randomBytes } from "../../helpers/bytes.ts";
import { run } from "../../helpers/dump/capture_tools.ts";
import { waitForLines } from "../../helpers/log/log_file.ts";
import { echo } from "../../helpers/net/backends.ts";
import { exchange } from "../../helpers/net/client.ts";
import { command, controlSession } from "../../helpers/net/control_socket.ts";
import { startControlled } from "../../helpers/program/start_controlled.ts";
import { skip, within, withTools } from "../../helpers/t.ts";
import { tempDir } from "../../helpers/temp_dir.ts";

/** More than the runtime has threads for files (32); each takes a second. */
const PIPES = 34;
/** More than a pipe holds (1 MiB), and less than the queue of a dump. */
const BYTES = 1_500_000;
/** Milliseconds for what must be prompt: a stuck reader gets one second. */
const PROMPT_MS = 4000;

withTools(
  ["mkfifo"],
  `after ${PIPES} dumps whose readers are stuck, the log, the clients and the end do not wait`,
  async () => {
    using dir = tempDir();
    using readers = new DisposableStack();
    const log = `${dir.path}/log`;
    const pipes = Array.from({ length: PIPES }, (_, index) => `${dir.path}/pipe${index}`);
    await run("mkfifo", pipes);
    await using server = echo();
    await using balance = await startControlled([
      ...["-f", "--log", log, "--log-format", "json", "PORT", server.address],
    ], {
      expectStderr: new RegExp(
        `^(cannot write dump file \\[\\S+\\]: too slow, its records are dropped\n){${PIPES}}$`,
      ),
    });
    const before = await balance.quietFds();
    using session = await controlSession(balance.socket);
    const data = randomBytes(BYTES, 1);
    for (const pipe of pipes) {
      readers.use(await Deno.open(pipe, { read: true, write: true }));
      assertMatch(await command(session, `dump on json ${pipe}`), /^dump on: json to /);
      assertEquals(await exchange(balance.port, data), data);
    }
    const start = performance.now();
    assertEquals(await command(session, "dump off"), "dump off\n");
    const took = performance.now() - start;
    assert(took < PROMPT_MS, `dump off took ${took} ms`);

    assertEquals(await exchange(balance.port, data), data);
    const lines = await waitForLines(log, PIPES + 1);
    assertEquals(lines.length, PIPES + 1);
    // The pipes are closed, although nobody has read them.
    await balance.settledFds(before + 1);

    balance.kill();
    const { code } = await within(balance.ended, { timeoutMs: PROMPT_MS, what: "the end" });
    assertEquals(code, 0);
  },
);

if (Deno.build.os !== "linux") skip("a dump enlarges its named pipe", "only Linux can do that");
else {
  withTools(
    ["mkfifo"],
    "a dump enlarges its named pipe, so that its reader is woken less",
    async () => {
      using dir = tempDir();
      const pipe = `${dir.path}/pipe`;
      await run("mkfifo", [pipe]);
      await using server = echo();
      await using balance = await startControlled(
        ["-f", "--dump-file", pipe, "--dump-format", "json", "PORT", server.address],
        { expectStderr: "any" },
      );
      using reader = await Deno.open(pipe, { read: true, write: true });
      const data = randomBytes(BYTES, 1);
      assertEquals(await exchange(balance.port, data), data);
      await balance.stop();
      // One read returns all that the pipe holds: up to 1 MiB, or by default 64 KiB.
      const count = await reader.read(new Uint8Array(4 << 20)) ?? 0;
      assert(count > 1 << 19, `the pipe holds only ${count} bytes`);
    },
  );
}
