/** A dump to a named pipe that belongs to another user, and to what cannot be opened. */

import { assertEquals, assertMatch } from "@std/assert";
import {
  AS_NOBODY,
  cacheForNobody,
  NOBODY,
  runWith,
  startWith,
  withNobody,
} from "../../faults/helpers/start_with.ts";
import { run } from "../../helpers/dump/capture_tools.ts";
import { parseDump } from "../../helpers/dump/packet_dump.ts";
import { named } from "../../helpers/net/backends.ts";
import { ask } from "../../helpers/net/client.ts";
import { answers, command, controlSession, socketPath } from "../../helpers/net/control_socket.ts";
import { freePort } from "../../helpers/net/ports.ts";
import { later, until, within } from "../../helpers/t.ts";

const TOOLS = { tools: ["mkfifo", "cat"] };

/** A directory of root that everybody may enter, with one of nobody for the control socket. */
async function directories() {
  const cache = await cacheForNobody();
  const path = Deno.makeTempDirSync({ prefix: "balance-test-" });
  Deno.chmodSync(path, 0o755);
  const rundir = `${path}/run`;
  Deno.mkdirSync(rundir, { mode: 0o700 });
  Deno.chownSync(rundir, NOBODY, NOBODY);
  return {
    path,
    /** Options that start the program as nobody. */
    options: { prefix: AS_NOBODY, env: cache.env, rundir },
    /** Makes a named pipe of root. */
    async pipe(name: string, mode: number): Promise<string> {
      await run("mkfifo", [`${path}/${name}`]);
      Deno.chmodSync(`${path}/${name}`, mode);
      return `${path}/${name}`;
    },
    async [Symbol.asyncDispose]() {
      Deno.removeSync(path, { recursive: true });
      await cache[Symbol.asyncDispose]();
    },
  };
}

/** Starts reading a pipe; `all` resolves at its end. */
function read(pipe: string) {
  const reader = new Deno.Command("cat", { args: [pipe], stdout: "piped" }).spawn();
  const all = later(reader.output().then(({ stdout }) => stdout));
  return {
    all: () => within(all, { timeoutMs: 10_000, what: "the end of the dump" }),
    async [Symbol.asyncDispose]() {
      try {
        reader.kill("SIGKILL");
      } catch { /* it has ended */ }
      await all;
    },
  };
}

/** The names of backends that a dump of text contains. */
function namesIn(dump: Uint8Array): string[] {
  return parseDump(dump).filter(({ count }) => count > 0)
    .map(({ bytes }) => new TextDecoder().decode(bytes).trim());
}

withNobody("a balance of nobody dumps to a pipe of root that it may only write to", async () => {
  await using place = await directories();
  const pipe = await place.pipe("pipe", 0o622), next = await place.pipe("next", 0o622);
  await using server = named("B0");
  const port = freePort(), socket = socketPath(place.options.rundir, port);
  await using reader = read(pipe);
  await using nextReader = read(next);
  const argv = ["-f", "--dump-file", pipe, String(port), server.address];
  await using balance = startWith(argv, place.options);
  await until(() => answers(socket), { timeoutMs: 30_000, what: () => balance.stderr });
  using session = await controlSession(socket);
  assertEquals(await ask(port), "B0");
  await until(async () => await command(session, "conns --json") === "[]\n");
  assertEquals(await command(session, `dump on text ${next}`), `dump on: text to ${next}\n`);
  assertEquals(namesIn(await reader.all()), ["B0"]);
  assertEquals(await ask(port), "B0");
  await until(async () => await command(session, "conns --json") === "[]\n");
  assertEquals(await command(session, "dump off"), "dump off\n");
  assertEquals(namesIn(await nextReader.all()), ["B0"]);
  assertEquals(balance.stderr, "");
}, TOOLS);

withNobody(
  "a pipe that cannot be opened, or a socket: an error, and the running dump continues",
  async () => {
    await using place = await directories();
    const closed = await place.pipe("closed", 0o600), open = await place.pipe("open", 0o622);
    using listener = Deno.listen({ transport: "unix", path: `${place.path}/socket` });
    const { path: unix } = listener.addr;
    Deno.chmodSync(unix, 0o666);
    const refused = [[closed, "Permission denied"], [unix, "No such device or address"]] as const;
    await using server = named("B0");
    const port = freePort(), socket = socketPath(place.options.rundir, port);

    for (const [path, reason] of refused) {
      const argv = ["-f", "--dump-file", path, String(port), server.address];
      const { code, stdout, stderr } = await runWith(argv, place.options);
      const line = `balance: cannot write dump file [${path}]: ${reason}\n`;
      assertEquals([code, stdout, stderr], [73, "", line]);
    }

    await using reader = read(open);
    const argv = ["-f", "--dump-file", open, String(port), server.address];
    await using balance = startWith(argv, place.options);
    await until(() => answers(socket), { timeoutMs: 30_000, what: () => balance.stderr });
    using session = await controlSession(socket);
    assertEquals(await ask(port), "B0");
    for (const [path, reason] of refused) {
      const { text, failed } = await session.ask(`dump on json ${path}`);
      assertEquals([failed, text], [true, `cannot write dump file [${path}]: ${reason}\n`]);
      assertMatch(await command(session, "dump"), new RegExp(`^dump on: text to ${open}\n`));
      assertEquals(await ask(port), "B0");
    }
    await until(async () => await command(session, "conns --json") === "[]\n");
    assertEquals(await command(session, "dump off"), "dump off\n");
    assertEquals(namesIn(await reader.all()), ["B0", "B0", "B0"]);
    assertEquals(balance.stderr, "");
  },
  TOOLS,
);
