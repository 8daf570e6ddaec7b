/** Answers that come in parts, on a real control socket. */

import { assert, assertEquals } from "@std/assert";
import { writeAll } from "../../../lib/base/bytes.ts";
import { type Command, CommandError, type Reply } from "../../../lib/control/commands/command.ts";
import { COMMANDS } from "../../../lib/control/commands/commands.ts";
import { FramedSession } from "../../../lib/control/framed_session.ts";
import { MAX_CLIENTS } from "../../../lib/control/protocol.ts";
import { ControlServer } from "../../../lib/control/server.ts";
import { newTable } from "../../../lib/table/table.ts";
import { controlContext } from "../../helpers/control/control_context.ts";
import { readLine, readToEnd } from "../../helpers/net/client.ts";
import { connectUnix, controlSession, socketPath, talk } from "../../helpers/net/control_socket.ts";
import { later, t, until, within } from "../../helpers/t.ts";

/** A server with the command `follow`, which waits for the test. */
interface Following extends AsyncDisposable {
  readonly path: string;
  readonly server: ControlServer;
  /** How many clients wait. */
  readonly waiting: number;
  /** Sends a line to all that wait. */
  say(line: string): void;
  /** Ends their answers. */
  finish(reply: Reply): void;
  /** How the last one that did not wait for its end was notified. */
  readonly left: number;
}

/** @param idleTimeoutMs By default, none that a busy machine reaches. */
function following({ idleTimeoutMs = 60_000 } = {}): Following {
  const waiting = new Set<(next: string | Reply) => void>();
  let left = 0;
  async function* follow(signal: AbortSignal): AsyncGenerator<string, Reply, void> {
    const queue: (string | Reply)[] = [];
    let wake = () => {};
    const push = (next: string | Reply) => {
      queue.push(next);
      wake();
    };
    signal.addEventListener("abort", () => wake());
    waiting.add(push);
    try {
      for (;;) {
        if (queue.length === 0) await new Promise<void>((resolve) => wake = resolve);
        const next = queue.shift();
        if (next === undefined) {
          left++;
          return { text: "not yet\n" };
        }
        if (typeof next === "object") return next;
        if (next === "error") throw new CommandError("cannot follow");
        yield `${next}\n`;
      }
    } finally {
      waiting.delete(push);
    }
  }
  const command: Command = {
    name: "follow",
    args: [],
    help: "follow the test",
    run: () => ({ text: "following\n", progress: follow }),
  };
  const rundir = Deno.makeTempDirSync({ prefix: "balance-test-" });
  const path = socketPath(rundir, 1);
  const table = newTable({ groups: 8, channels: 1, workers: 1 });
  const server = new ControlServer(Deno.listen({ transport: "unix", path }), {
    context: controlContext(table, () => Promise.reject(new Error("no names here"))),
    commands: [...COMMANDS, command],
    minIdleMs: 0,
    idleTimeoutMs,
  });
  return {
    path,
    server,
    get waiting() {
      return waiting.size;
    },
    get left() {
      return left;
    },
    say: (line) => waiting.forEach((push) => push(line)),
    finish: (reply) => waiting.forEach((push) => push(reply)),
    async [Symbol.asyncDispose]() {
      await within(server.close(), { timeoutMs: 5000, what: "the control server to close" });
      Deno.removeSync(rundir, { recursive: true });
    },
  };
}

/** A client as of this release. */
async function open(path: string): Promise<FramedSession> {
  const session = await FramedSession.open(await connectUnix(path));
  assert(session instanceof FramedSession);
  return session;
}

t("a client that takes parts gets each one as it comes, and the outcome at the end", async () => {
  await using one = following();
  using client = await open(one.path);
  assertEquals(await client.ask("group 3").then((answer) => typeof answer), "object");
  const parts: string[] = [];
  const answer = later(client.ask("follow", { onPart: (text) => parts.push(text) }));
  await until(() => parts.length === 1 && one.waiting === 1);
  one.say("almost");
  await until(() => parts.length === 2);
  assertEquals(parts, ["following\n", "almost\n"]);
  one.finish({ text: "the end\n", failed: true, session: { group: 5 } });
  assertEquals(await answer, { bytes: 8, group: 5, failed: true, text: "the end\n" });
  assertEquals(parts.length, 2);
  // Without a use for parts, the text is whole.
  const whole = later(client.ask("follow"));
  await until(() => one.waiting === 1);
  one.say("almost");
  one.finish({ text: "the end\n" });
  const text = "following\nalmost\nthe end\n";
  assertEquals(await whole, { bytes: 8, group: 5, failed: false, text });
});

t("a client of 4.0.0 gets one answer at the end", async () => {
  await using one = following();
  using client = await controlSession(one.path);
  const answer = later(client.ask("follow"));
  await until(() => one.waiting === 1);
  one.say("almost");
  one.finish({ text: "the end\n", failed: true });
  const text = "following\nalmost\nthe end\n";
  assertEquals(await answer, { bytes: text.length, group: 0, failed: true, text });
});

t("by hand, the parts are printed as they come, and the next command waits", async () => {
  await using one = following();
  using conn = await connectUnix(one.path);
  await writeAll(conn, new TextEncoder().encode("follow\ngroup 3\nhash\n"));
  await conn.closeWrite();
  assertEquals(await readLine(conn), "following");
  await until(() => one.waiting === 1);
  one.say("almost");
  assertEquals(await readLine(conn), "almost");
  one.finish({ text: "the end\n" });
  assertEquals((await readToEnd(conn)).text, "the end\ngroup 3 set to hash\n");
  assertEquals(one.left, 0);
});

t("an error that ends the progress is the end of the answer", async () => {
  await using one = following();
  using client = await open(one.path);
  const answer = later(client.ask("follow"));
  await until(() => one.waiting === 1);
  one.say("error");
  const text = "following\ncannot follow\n";
  assertEquals(await answer, { bytes: 14, group: 0, failed: true, text });
});

t("the progress ends when its client leaves, whatever that has sent before", async () => {
  await using one = following();
  for (const lines of [".hello\n.progress\nfollow\n", ".hello\nfollow\nshow\n", "follow\n"]) {
    for (const halfClosed of [false, true]) {
      if (halfClosed && lines.startsWith(".")) continue;
      const { left } = one;
      const conn = await connectUnix(one.path);
      await writeAll(conn, new TextEncoder().encode(lines));
      if (halfClosed) await conn.closeWrite();
      await until(() => one.waiting === 1);
      conn.close();
      await until(() => one.waiting === 0 && one.server.clients === 0, { what: lines });
      assertEquals(one.left, left + 1);
    }
  }
});

t("an abandoned answer closes the session; any other answer is waited for", async () => {
  await using one = following();
  using client = await open(one.path);
  const abandoned = new AbortController(), { signal } = abandoned;
  const parts: string[] = [];
  const answer = later(client.ask("follow", { onPart: (text) => parts.push(text), signal }));
  await until(() => parts.length === 1);
  abandoned.abort();
  assertEquals(await answer, undefined);
  await until(() => one.waiting === 0 && one.server.clients === 0);
  assertEquals(await client.ask("hash"), "unanswered");
  using second = await open(one.path);
  assertEquals(await second.ask("follow", { signal }), undefined);
  using third = await open(one.path);
  const hash = await third.ask("hash", { signal });
  assertEquals(typeof hash === "object" && hash.text, "group 0 set to hash\n");
});

t("close() ends the progress, and delivers the answer so far", async () => {
  await using one = following();
  using client = await open(one.path);
  const answer = later(client.ask("follow"));
  await until(() => one.waiting === 1);
  const started = performance.now();
  await one.server.close();
  assert(performance.now() - started < 900);
  const text = "following\nnot yet\n";
  assertEquals(await answer, { bytes: 8, group: 0, failed: false, text });
});

t("a client that waits is neither idle nor unread, and is replaced last", async () => {
  await using one = following({ idleTimeoutMs: 2000 });
  await using all = new AsyncDisposableStack();
  const lost: number[] = [];
  for (let i = 0; i < MAX_CLIENTS - 1; i++) {
    const client = all.use(await open(one.path));
    void client.ask("follow").then((answer) => answer === undefined && lost.push(i));
    await until(() => one.waiting === i + 1);
  }
  // All of them have read this, and are still there after the idle timeout.
  one.say("almost");
  using patient = await connectUnix(one.path);
  await writeAll(patient, new TextEncoder().encode("version\n"));
  await readToEnd(patient);
  using idle = await connectUnix(one.path);
  await until(() => one.server.clients === MAX_CLIENTS);
  using next = await open(one.path);
  assertEquals((await readToEnd(idle)).text, "");
  assertEquals(lost, []);
  // Now all of them wait.
  const last = later(next.ask("follow"));
  await until(() => one.waiting === MAX_CLIENTS);
  assertEquals(await talk(one.path, "hash\n"), "group 0 set to hash\n");
  await until(() => lost.length > 0);
  assertEquals(lost, [0]);
  one.finish({ text: "" });
  await last;
});
