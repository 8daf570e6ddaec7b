/** The control server over a real Unix socket: sessions, protocol, limits, and hostile clients. */

import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { VERSION } from "../../../lib/base/version.ts";
import type { ControlContext } from "../../../lib/control/command.ts";
import { MAX_CLIENTS, MAX_LINE_BYTES } from "../../../lib/control/protocol.ts";
import { type ControlServer, serveControl } from "../../../lib/control/server.ts";
import { show } from "../../../lib/table/show.ts";
import { newTable, type Table } from "../../../lib/table/table.ts";
import { writeAll } from "../../helpers/net/backends.ts";
import { randomBytes, readLine, readText, readToEnd } from "../../helpers/net/client.ts";
import { controlContext } from "../../helpers/control_context.ts";
import { connectUnix, controlSession, socketPath, talk } from "../../helpers/net/control_socket.ts";
import { freePort } from "../../helpers/net/free_port.ts";
import { runBalance } from "../../helpers/program/start_balance.ts";
import { startShell } from "../../helpers/program/start_shell.ts";
import { startControlled } from "../../helpers/program/start_controlled.ts";
import { skip, t, until, within } from "../../helpers/t.ts";

const encode = (text: string) => new TextEncoder().encode(text);
const LOCAL = new Uint8Array([127, 0, 0, 1]);

/** A server in this process. */
interface Served extends AsyncDisposable {
  readonly path: string;
  readonly rundir: string;
  readonly port: number;
  readonly table: Table;
  readonly server: ControlServer;
  /** How often it was asked to end the program. */
  readonly kills: number;
}

function served(
  options: { unreadTimeoutMs?: number; resolve?: ControlContext["resolve"]; rows?: number } = {},
): Served {
  const { rows = 3, resolve = () => Promise.resolve(LOCAL), ...limits } = options;
  const table = newTable({ groups: 64, channels: 64, workers: 1 });
  for (let i = 0; i < rows; i++) table.add(Math.floor(i / 64), { address: LOCAL, port: 8000 + i });
  const rundir = Deno.makeTempDirSync({ prefix: "balance-test-" });
  const port = freePort();
  const path = socketPath(rundir, port);
  let kills = 0;
  const listener = Deno.listen({ transport: "unix", path });
  const server = serveControl(listener, {
    context: controlContext(table, resolve),
    kill() {
      kills++;
      return server.stop();
    },
    ...limits,
  });
  return {
    path,
    rundir,
    port,
    table,
    server,
    get kills() {
      return kills;
    },
    async [Symbol.asyncDispose]() {
      await within(server.close(), { timeoutMs: 5000, what: "the control server to close" });
      Deno.removeSync(rundir, { recursive: true });
    },
  };
}

t("by hand, a line is a command and the answer is its text, nothing else", async () => {
  await using one = served();
  assertEquals(await talk(one.path, "show\n"), show(one.table));
  assertEquals(await talk(one.path, "show"), show(one.table));
  assertEquals(await talk(one.path, ""), "");
  assertEquals(await talk(one.path, "\n\n  \n"), "");
  assertEquals(
    await talk(one.path, "group 5\nhash\nbogus\n\ndisable 9\nquit\nhash\n"),
    "group 5 set to hash\nsyntax error\nno such channel 9\n",
  );
});

t("a program that says hello is told where each answer ends and what came of it", async () => {
  await using one = served();
  using session = await controlSession(one.path);
  assertEquals(session.hello, { version: VERSION, pid: Deno.pid });
  const shown = show(one.table);
  assertEquals(await session.ask("show"), {
    bytes: shown.length,
    group: 0,
    failed: false,
    text: shown,
  });
  assertEquals(await session.ask("group 7"), { bytes: 0, group: 7, failed: false, text: "" });
  assertEquals((await session.ask("")).group, 7);
  assertEquals(await session.ask("disable é"), {
    bytes: 20,
    group: 7,
    failed: true,
    text: "invalid number [é]\n",
  });
  assertEquals((await session.ask(".hello")).text, "syntax error\n");
  assertEquals(await session.ask("quit"), {
    bytes: 0,
    group: 7,
    failed: false,
    over: "quit",
    text: "",
  });
  await assertRejects(() => session.ask("show"));
});

t("hello counts only as the first line", async () => {
  await using one = served();
  assertEquals(await talk(one.path, "group 1\n.hello\n"), "syntax error\n");
  assertEquals(await talk(one.path, " .hello\n"), "syntax error\n");
});

t("many clients at once have a current group each", async () => {
  await using one = served({ rows: 0 });
  await using all = new AsyncDisposableStack();
  const sessions = await Promise.all(
    Array.from({ length: 60 }, async () => all.use(await controlSession(one.path))),
  );
  await Promise.all(sessions.map((session, i) => session.ask(`group ${i}`)));
  await Promise.all(sessions.map((session, i) => session.ask(`create web ${1000 + i}`)));
  const answers = await Promise.all(sessions.map((session) => session.ask("hash")));
  assertEquals(answers.map(({ text }) => text), sessions.map((_, i) => `group ${i} set to hash\n`));
  assertEquals(answers.map(({ group }) => group), sessions.map((_, i) => i));
  assertEquals(
    [...one.table.rows()].map(({ group, port, type }) => [group, port, type]),
    sessions.map((_, i) => [i, 1000 + i, "hash"]),
  );
});

t("an answer follows its command even where a slow one is under way elsewhere", async () => {
  const gate = Promise.withResolvers<Uint8Array>();
  await using one = served({ resolve: () => gate.promise });
  using slow = await controlSession(one.path);
  const created = slow.ask("create web 80");
  using quick = await controlSession(one.path);
  assertEquals((await quick.ask("disable 0")).text, "channel 0 disabled\n");
  gate.resolve(LOCAL);
  assertEquals((await created).text, "channel created\n");
});

t("kill is answered once new connections are refused, then the session is over", async () => {
  await using one = served();
  using other = await controlSession(one.path);
  assertEquals(await talk(one.path, "kill\nshow\n"), "shutdown complete, exiting.\n");
  assertEquals(one.kills, 1);
  // At once, so that it cannot happen later to the socket of a successor.
  assertEquals([...Deno.readDirSync(one.rundir)], []);
  // Who is in already may go on until the program ends.
  assertEquals((await other.ask("version")).failed, false);
});

t("close() lets an answer under way through, and ends the others at once", async () => {
  const gate = Promise.withResolvers<Uint8Array>();
  await using one = served({ resolve: () => gate.promise });
  using idle = await connectUnix(one.path);
  using busy = await controlSession(one.path);
  const answer = busy.ask("create web 80");
  using quick = await controlSession(one.path);
  await quick.ask("version");
  const closed = one.server.close();
  assertEquals(await readToEnd(idle).then(({ text }) => text), "");
  gate.resolve(LOCAL);
  assertEquals((await answer).text, "channel created\n");
  await closed;
});

t("close() does not wait for an answer that never comes", async () => {
  const never = Promise.withResolvers<Uint8Array>();
  await using one = served({ resolve: () => never.promise });
  using busy = await controlSession(one.path);
  const answer = assertRejects(() => busy.ask("create web 80"));
  using quick = await controlSession(one.path);
  await quick.ask("version");
  const started = performance.now();
  await within(one.server.close(), { timeoutMs: 3000, what: "the server to close" });
  assert(performance.now() - started < 2500);
  await answer;
  never.resolve(LOCAL);
});

t(
  `a line of ${MAX_LINE_BYTES} bytes is taken, a longer one ends the session with a line`,
  async () => {
    await using one = served();
    const fits = "version" + " ".repeat(MAX_LINE_BYTES - 7);
    assertMatch(await talk(one.path, `${fits}\nversion\n`), /^(.*This is.*\n.*\n.*\n){2}$/);
    const tooLong = `line too long, the limit is ${MAX_LINE_BYTES} bytes\n`;
    for (const line of [`${fits} \n`, `${fits} `, "x".repeat(MAX_LINE_BYTES + 1)]) {
      assertEquals(await talk(one.path, line), tooLong);
    }
    using session = await controlSession(one.path);
    assertEquals(await session.ask("x".repeat(MAX_LINE_BYTES + 1)), {
      bytes: tooLong.length,
      group: 0,
      failed: true,
      over: "limit",
      text: tooLong,
    });
  },
);

t("-c and -i say that a line is too long, however long it is", async () => {
  await using one = served();
  const { rundir, port } = one;
  const tooLong = `line too long, the limit is ${MAX_LINE_BYTES} bytes\n`;
  for (const strict of [false, true]) {
    const argv = [...(strict ? ["--strict"] : []), "-c", "x".repeat(100_000), "PORT"];
    const { code, stdout, stderr } = await runBalance(argv, { rundir, port });
    assertEquals([code, stdout, stderr], [strict ? 1 : 0, tooLong, ""]);
  }
  await using shell = startShell(one);
  await shell.type("version\n");
  // It leaves in the middle of this.
  await shell.type(`${"x".repeat(3_000_000)}\nversion\n`).catch(() => {});
  assertEquals(await shell.end(), 0);
  const end = `  MAXCHANNELS=64\nbalance[0] ${tooLong}\n`;
  assertEquals(shell.stdout.slice(-end.length), end);
});

t("a line may come byte by byte, and many lines in one piece", async () => {
  await using one = served();
  using conn = await connectUnix(one.path);
  for (const byte of encode("group 3\nhash\n")) await conn.write(new Uint8Array([byte]));
  assertEquals(await readLine(conn), "group 3 set to hash");
  await writeAll(conn, encode("rr\n".repeat(500)));
  await conn.closeWrite();
  assertEquals((await readToEnd(conn)).text, "group 3 set to round robin\n".repeat(500));
});

t(
  `client ${MAX_CLIENTS + 1} gets a clear line and is closed; -c prints it and exits with 69`,
  async () => {
    await using one = served();
    await using all = new AsyncDisposableStack();
    const held = [];
    for (let i = 0; i < MAX_CLIENTS; i++) held.push(all.use(await connectUnix(one.path)));
    await writeAll(held.at(-1)!, encode("version\n"));
    await readText(held.at(-1)!, 10);
    const line = `too many control clients, the limit is ${MAX_CLIENTS}`;
    {
      using over = await connectUnix(one.path);
      assertEquals((await readToEnd(over)).text, `${line}\n`);
    }
    const { rundir, port } = one;
    const client = await runBalance(["-c", "show", "PORT"], { rundir, port });
    assertEquals([client.code, client.stdout + client.stderr], [69, `${line}, exiting.\n`]);
    held[5]?.close();
    await until(async () => (await talk(one.path, "rr\n")) === "group 0 set to round robin\n");
  },
);

const UNREAD = "a client that leaves its answers unread is closed after its time";
if (await closingCancelsWrites()) t(UNREAD, leavesUnread);
else skip(UNREAD, "closing does not end a write under way in this version of Deno");

async function leavesUnread(): Promise<void> {
  await using one = served({ unreadTimeoutMs: 200, rows: 1000 });
  using conn = await connectUnix(one.path);
  // More than the socket holds is asked for, so the server has to wait for us.
  await writeAll(conn, encode("show\n".repeat(100)));
  using other = await controlSession(one.path);
  assertEquals((await other.ask("rr")).text, "group 0 set to round robin\n");
  await until(async () => {
    try {
      await conn.write(encode("\n"));
      return false;
    } catch {
      return true;
    }
  }, { what: "the client to be closed", everyMs: 20 });
  const { bytes } = await readToEnd(conn);
  assert(bytes.length < 100 * show(one.table).length, `${bytes.length}`);
}

/** Finds out by trying; before Deno 2.9 the write goes on until its reader reads or leaves. */
async function closingCancelsWrites(): Promise<boolean> {
  const folder = Deno.makeTempDirSync({ prefix: "balance-test-" });
  const path = `${folder}/socket`;
  const listener = Deno.listen({ transport: "unix", path });
  const [writer, reader] = await Promise.all([listener.accept(), connectUnix(path)]);
  const writing = writeAll(writer, new Uint8Array(10_000_000)).then(() => true, () => true);
  await settledWithin(writing, 50);
  writer.close();
  const cancelled = await settledWithin(writing, 200);
  reader.close();
  await writing;
  listener.close();
  Deno.removeSync(folder, { recursive: true });
  return cancelled;
}

async function settledWithin(promise: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<false>((resolve) => timer = setTimeout(() => resolve(false), ms));
  const settled = await Promise.race([promise.then(() => true), late]);
  clearTimeout(timer);
  return settled;
}

/** What is done to a server, and what proves that it was. */
type Attack = (path: string) => Promise<void>;

/** Sends what it can; being closed in the middle is what it is for. */
async function push(conn: Deno.Conn, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
  try {
    await writeAll(conn, bytes);
  } catch (error) {
    const expected = error instanceof Deno.errors.BrokenPipe ||
      error instanceof Deno.errors.ConnectionReset || error instanceof Deno.errors.BadResource ||
      error instanceof Deno.errors.Interrupted;
    if (!expected) throw error;
  }
}

async function sendAndDrain(path: string, bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  using conn = await connectUnix(path);
  const answer = readToEnd(conn, { timeoutMs: 30_000 });
  await push(conn, bytes);
  await conn.closeWrite().catch(() => {});
  return (await answer).text;
}

const ATTACKS: Readonly<Record<string, Attack>> = {
  async "random bytes"(path) {
    for (let seed = 1; seed <= 20; seed++) await sendAndDrain(path, randomBytes(20_000, seed));
  },
  async "NULs, CRs and newlines"(path) {
    await sendAndDrain(path, new Uint8Array(100_000));
    const answer = await sendAndDrain(path, encode("\0\r\n".repeat(5000)));
    assertEquals(answer, "");
    const syntaxErrors = await sendAndDrain(path, encode("show\r\n".repeat(1000)));
    assertEquals(syntaxErrors, "syntax error\n".repeat(1000));
  },
  async "a line of 10 MB"(path) {
    const answer = await sendAndDrain(path, new Uint8Array(10_000_000).fill(65));
    assert(answer === "" || answer === "line too long, the limit is 4096 bytes\n", answer);
  },
  async "a hundred thousand empty lines"(path) {
    assertEquals(await sendAndDrain(path, new Uint8Array(100_000).fill(10)), "");
  },
  async "a slow writer"(path) {
    using conn = await connectUnix(path);
    for (const byte of encode("version\n")) {
      await conn.write(new Uint8Array([byte]));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    assertMatch(await readLine(conn), /This is balance/);
  },
  async "half-close at once, and with an answer to come"(path) {
    using silent = await connectUnix(path);
    await silent.closeWrite();
    assertEquals((await readToEnd(silent)).text, "");
    assertMatch(await talk(path, "version\n".repeat(50)), /^(.*\n.*\n.*\n){50}$/);
  },
  async "abrupt closes"(path) {
    for (let i = 0; i < 200; i++) {
      const conn = await connectUnix(path);
      if (i % 2) await push(conn, encode("help\n".repeat(i)));
      conn.close();
    }
  },
  async "100 that never read"(path) {
    await using all = new AsyncDisposableStack();
    for (let i = 0; i < 100; i++) {
      const conn = all.use(await connectUnix(path));
      // Each takes as much as the socket holds; the rest is never sent.
      const pushed = push(conn, encode("help\n".repeat(20_000)));
      all.defer(() => pushed);
      all.defer(() => conn.close());
    }
    await until(async () => await milliseconds(path) >= 0);
  },
  async "more than may come"(path) {
    await using all = new AsyncDisposableStack();
    for (let i = 0; i < 300; i++) all.use(await connectUnix(path));
    await until(async () => {
      using conn = await connectUnix(path);
      return (await readLine(conn)).startsWith("too many control clients");
    });
  },
};

t(
  "whatever clients do, the program answers show within 100 ms and keeps its size",
  async (context) => {
    await using balance = await startControlled(["-f", "PORT", "127.0.0.1:9", "127.0.0.1:10"]);
    const path = socketPath(balance.rundir, balance.port);
    const expected = await talk(path, "show\n");
    using steady = await controlSession(path);
    const [fds, rss] = [balance.fds(), balance.rss()];
    for (const [name, attack] of Object.entries(ATTACKS)) {
      await context.step(name, async () => {
        const attacking = { now: true };
        const done = within(attack(path), { timeoutMs: 30_000, what: name })
          .finally(() => attacking.now = false);
        let probes = 0;
        do {
          // A client that is in already is served whatever happens; the machine may be busy, though.
          const times: number[] = [];
          for (let i = 0; i < 3 && (times.at(-1) ?? 100) >= 100; i++) {
            const started = performance.now();
            assertEquals((await steady.ask("show")).text, expected);
            times.push(performance.now() - started);
          }
          assert(Math.min(...times) < 100, `show took ${times} ms`);
          probes++;
          await new Promise((resolve) => setTimeout(resolve, 5));
        } while (attacking.now);
        await done;
        assert(probes > 0);
        await until(async () => await talk(path, "show\n") === expected);
      });
    }
    await balance.settledFds(fds);
    const grown = balance.rss() - rss;
    assert(grown < 64 * 2 ** 20, `it has grown by ${grown} bytes`);
    assertEquals(balance.stderr, "");
  },
);

/** How long an answer takes a newcomer. */
async function milliseconds(path: string): Promise<number> {
  const started = performance.now();
  assertMatch(await talk(path, "version\n"), /This is balance/);
  return performance.now() - started;
}
