/** `--dump-file` with `%n`: a file for each connection, with few descriptors and failing files. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { echo } from "../../helpers/net/backends.ts";
import { type Client, connect, readText } from "../../helpers/net/client.ts";
import { command, controlSession } from "../../helpers/net/control_socket.ts";
import { startControlled } from "../../helpers/program/start_controlled.ts";
import { later, t, until, untilStill } from "../../helpers/t.ts";
import { tempDir } from "../../helpers/temp_dir.ts";

const LIMIT = 256;
const FULL = "cannot accept more connections: file descriptor limit reached";
const FEW_DESCRIPTORS = { before: `ulimit -n ${LIMIT}` };

/** Sends a word and reads it back. Clients may have to wait until others have left. */
async function talk(client: Client, word: string): Promise<void> {
  await client.send(word);
  assertEquals(await readText(client, word.length, { timeoutMs: 60_000 }), word);
}

/** The kinds of the records in each file of a folder, and the word that was sent and came back. */
function recordsIn(folder: string): string[] {
  return [...Deno.readDirSync(folder)].filter(({ isFile }) => isFile).map(({ name }) => {
    // The last line may still be incomplete.
    const lines = Deno.readTextFileSync(`${folder}/${name}`).split("\n").slice(0, -1);
    return lines.map((line) => JSON.parse(line))
      .map(({ type, text }) => type === "data" ? text : type).join(" ");
  }).sort();
}

const COMPLETE = (word: string) => `open connected ${word} ${word} end end close`;

for (const workers of [1, 4]) {
  const argv = (...more: string[]) => ["-f", "--workers", `${workers}`, "PORT", ...more];
  const title = (name: string) => `${name} (${workers} worker${workers === 1 ? "" : "s"})`;

  t(title("200 clients at 256 descriptors: each is served and has its dump file"), async () => {
    const clients = 200;
    using dir = tempDir();
    await using server = echo();
    await using balance = await startControlled(
      argv(server.address, "--dump-file", `${dir.path}/%n.json`),
      { ...FEW_DESCRIPTORS, expectStderr: new RegExp(`^${FULL}\n$`) },
    );
    const full = later(balance.waitForStderr(new RegExp(FULL), 30_000));
    await Promise.all(Array.from({ length: clients }, async () => {
      await using client = await connect(balance.port);
      await talk(client, "ping");
      await full;
    }));
    await until(
      () => recordsIn(dir.path).filter((each) => each.endsWith("close")).length === clients,
      {
        timeoutMs: 20_000,
        what: () => `${clients} complete files, but ${recordsIn(dir.path).length}`,
      },
    );
    assertEquals(new Set(recordsIn(dir.path)), new Set([COMPLETE("ping")]));
    using session = await controlSession(balance.socket);
    assertMatch(await command(session, "dump"), /^dump on: json .*\n.*\n.*\n {2}dropped 0\n$/);
  });

  t(title("dump on with %n while more connections are open than files can be"), async () => {
    using dir = tempDir();
    await using server = echo();
    await using balance = await startControlled(argv(server.address), {
      ...FEW_DESCRIPTORS,
      expectStderr: "any",
    });
    await using all = new AsyncDisposableStack();
    const first: Client[] = [];
    let connected = 0;
    const release = Promise.withResolvers<void>();
    const clients = later(Promise.all(Array.from({ length: 130 }, async () => {
      const client = all.use(await connect(balance.port));
      connected++;
      await talk(client, "early");
      first.push(client);
      await release.promise;
      await client.close();
    })));
    await balance.waitForStderr(new RegExp(FULL), 30_000);
    // Those that are not accepted yet wait for the others, which stay.
    await until(() => connected === 130, { timeoutMs: 20_000, what: "all clients to connect" });
    const full = await untilStill(() => first.length, { what: "the clients that are served" });
    assert(full > 30 && full < 110, `${full} clients`);

    using session = await controlSession(balance.socket);
    await command(session, `dump on ${dir.path}/%n.json`);
    await Promise.all(first.slice(0, full).map((client) => talk(client, "dumped")));
    assert(recordsIn(dir.path).length < full, "not every connection has a file");
    const status = await command(session, "dump");
    assertMatch(status, /^dump on: json to .*\n.*\n.*\n {2}dropped [1-9]\d*\n$/);
    // Descriptors are left for everything else.
    assert(balance.fds() < LIMIT - 8, `${balance.fds()} descriptors`);
    await balance.waitForStderr(/^cannot write dump file .*$/m);
    const notices = balance.stderr.match(/^cannot write dump file .*$/gm);
    assertEquals(notices?.length, 1, balance.stderr);
    assertMatch(
      notices![0]!,
      /\[\S+\/\d+\.json\]: file descriptor limit reached, its records are dropped$/,
    );

    // When those have left, the others are served.
    const next = 130 - first.length;
    release.resolve();
    await clients;
    const filesOf = (word: string) =>
      recordsIn(dir.path).filter((each) => each === COMPLETE(word)).length;
    // One worker accepts them only when each can have its file. One of several does not know how
    // many of the first clients are left in the others.
    if (workers === 1) {
      await until(() => filesOf("early") >= next, {
        timeoutMs: 20_000,
        what: () => `${next} files, but ${recordsIn(dir.path)}`,
      });
    }
    const open = async () => JSON.parse(await command(session, "conns --json")).length;
    await until(async () => (await open()) === 0, { what: "all connections to end" });
    // From then on, each client has its file again.
    const newcomers = 30;
    await Promise.all(Array.from({ length: newcomers }, async () => {
      await using client = await connect(balance.port);
      await talk(client, "after");
    }));
    await until(() => filesOf("after") === newcomers, {
      timeoutMs: 20_000,
      what: () => `${newcomers} files, but ${recordsIn(dir.path)}`,
    });
    // Without the dump, as many are served as before.
    await command(session, "dump off");
    await using more = new AsyncDisposableStack();
    let again = 0;
    for (let i = 0; i < 130; i++) {
      const client = more.use(await connect(balance.port));
      talk(client, "late").then(() => again++, () => {});
    }
    await untilStill(() => again, { what: "the clients that are served" });
    assert(Math.abs(again - full) <= workers * 8, `${again} instead of ${full}`);
  });

  t(title("a dump file that cannot be written costs only its connection's records"), async () => {
    using dir = tempDir();
    await using server = echo();
    await using balance = await startControlled(argv(server.address), { expectStderr: "any" });
    using session = await controlSession(balance.socket);
    await using all = new AsyncDisposableStack();
    const clients: Client[] = [];
    for (let i = 1; i <= 5; i++) {
      const client = all.use(await connect(balance.port));
      await talk(client, "x".repeat(i));
      clients.push(client);
    }
    const conns: { id: number; sent: number }[] = JSON.parse(
      await command(session, "conns --json"),
    );
    const [bad, good] = [2, 3].map((sent) => conns.find((conn) => conn.sent === sent)!.id);
    Deno.mkdirSync(`${dir.path}/${bad}.json`);
    await command(session, `dump on ${dir.path}/%n.json`);
    for (let round = 0; round < 20; round++) {
      for (const client of clients) await talk(client, "hello");
    }
    for (const client of clients) await client.close();
    await until(() => recordsIn(dir.path).filter((each) => each.endsWith("close")).length === 4, {
      what: () => `four files, but ${recordsIn(dir.path)}`,
    });
    assertMatch(Deno.readTextFileSync(`${dir.path}/${good}.json`), /hello/);
    await using late = await connect(balance.port);
    await talk(late, "late");
    await until(() => recordsIn(dir.path).some((each) => each.endsWith("late late")));
    assertMatch(
      await command(session, "dump"),
      // 20 words in both directions, and the records about the connection.
      /^dump on: json to .*\n.*\n.*\n {2}dropped 4[0-9]\n$/,
    );
    assertEquals(
      balance.stderr.replace(/directory|folder/i, "directory"),
      `cannot write dump file [${dir.path}/${bad}.json]: Is a directory, its records are dropped\n`,
    );
  });
}
