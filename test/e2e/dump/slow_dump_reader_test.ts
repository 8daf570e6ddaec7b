/** A dump whose reader is slow: `--dump-overflow`. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { randomBytes, sha256 } from "../../helpers/bytes.ts";
import { complaints, noDissector, run } from "../../helpers/dump/capture_tools.ts";
import { readConversations } from "../../helpers/dump/pcapng_conversations.ts";
import { stalledReader } from "../../helpers/net/backends.ts";
import { type Client, connect } from "../../helpers/net/client.ts";
import { command, controlSession } from "../../helpers/net/control_socket.ts";
import { type Controlled, startControlled } from "../../helpers/program/start_controlled.ts";
import { later, until, untilStill, within, withTools } from "../../helpers/t.ts";
import { tempDir } from "../../helpers/temp_dir.ts";

const TOO_SLOW = /^cannot write dump file \[\S+\]: too slow, its records are dropped\n$/;

for (const workers of [1, 4]) {
  const title = (name: string) => `${name} (${workers} worker${workers === 1 ? "" : "s"})`;

  withTools(
    ["mkfifo"],
    title("--dump-overflow block: a reader that does not read holds senders back"),
    async () => {
      await using made = await startStuckDump(workers, "block");
      const { balance, server, clients, session } = made;
      const before = balance.rss();
      const total = 12_000_000;
      const sent = clients.map((_, i) => randomBytes(total, i));
      const sending = clients.map((client, i) =>
        later(client.send(sent[i]!).then(() => client.closeWrite()))
      );
      // The dump is not read, so that after a while the senders stall.
      const moved = async () => {
        const conns: { sent: number }[] = JSON.parse(await command(session, "conns --json"));
        return conns.reduce((sum, conn) => sum + conn.sent, 0);
      };
      const last = await untilStill(moved, { everyMs: 20, what: "the senders to stall" });
      assert(last < clients.length * total / 2, `${last} bytes went through`);
      const growth = balance.rss() - before;
      assert(growth < 80_000_000, `memory grew by ${growth} bytes`);
      assertMatch(await command(session, "dump"), /dropped 0\n$/);

      // When it is read, nothing is lost.
      const { all } = await made.read();
      await within(Promise.all(sending), { timeoutMs: 30_000, what: "the senders" });
      await until(() => server.totals.length === clients.length, { timeoutMs: 20_000 });
      await Promise.all(clients.map((client) => client.close()));
      await command(session, "dump off");
      const found = readConversations(await within(all, { timeoutMs: 10_000, what: "the reader" }));
      const wanted = sent.map(sha256).sort();
      assertEquals(found.map((one) => sha256(one.sent)).sort(), wanted);
      assertEquals(found.map(({ missing }) => missing), clients.map(() => 0));
    },
  );

  withTools(
    ["mkfifo"],
    title("dump off releases senders that are held back, and reports what is dropped"),
    async () => {
      await using made = await startStuckDump(workers, "block", TOO_SLOW);
      const { server, clients, session } = made;
      const total = 12_000_000;
      const sending = clients.map((client, i) =>
        later(client.send(randomBytes(total, i)).then(() => client.closeWrite()))
      );
      await until(async () => /written [1-9]/.test(await command(session, "dump")));
      await command(session, "dump off");
      await within(Promise.all(sending), { timeoutMs: 20_000, what: "the senders" });
      await until(() => server.totals.length === clients.length, { timeoutMs: 20_000 });
      assertEquals(server.totals, clients.map(() => total));
    },
  );

  withTools(
    ["mkfifo", "tshark"],
    title(
      "--dump-overflow drop: a reader that does not read holds nothing back; drops are counted",
    ),
    async () => {
      await using made = await startStuckDump(workers, "drop");
      const { balance, server, clients, session, dir } = made;
      const total = 20_000_000;
      const sending = clients.map((client, i) => client.send(randomBytes(total, i)));
      await within(Promise.all(sending), { timeoutMs: 30_000, what: "the senders" });
      const dropped = async () =>
        Number(/dropped (\d+)\n$/.exec(await command(session, "dump"))![1]);
      assert(await dropped() > 10, `${await dropped()} dropped`);
      const { all } = await made.read();
      await until(async () => {
        // As soon as there is room, chunks are dumped again.
        const before = /written (\d+)/.exec(await command(session, "dump"))![1];
        for (const client of clients) await client.send("after the gap");
        return /written (\d+)/.exec(await command(session, "dump"))![1] !== before;
      }, { timeoutMs: 20_000 });
      // When everything is written, nothing more is dropped.
      const status = () => command(session, "dump");
      await untilStill(status, { looks: 10, everyMs: 20, what: "the dump to be written" });
      await Promise.all(clients.map((client) => client.closeWrite()));
      await until(() => server.totals.length === clients.length, { timeoutMs: 20_000 });
      for (const count of server.totals) assert(count > total);
      await Promise.all(clients.map((client) => client.close()));
      // Both ends of each connection are in the dump by then.
      await until(async () => await command(session, "conns --json") === "[]\n");
      const count = await dropped();
      await command(session, "dump off");
      const dump = await within(all, { timeoutMs: 10_000, what: "the reader" });
      const found = readConversations(dump);
      assertEquals(found.length, clients.length);
      assert(found.some(({ missing }) => missing > 1_000_000));
      for (const { sent, missing, fins } of found) {
        assert(sent.length + missing >= total, `${sent.length} and ${missing}`);
        assertEquals(fins, 2);
      }
      Deno.writeFileSync(`${dir}/dump.pcapng`, dump);
      const statistics = await run("capinfos", [`${dir}/dump.pcapng`]);
      assertEquals([statistics.code, statistics.stderr], [0, ""]);
      const strange = await complaints(`${dir}/dump.pcapng`, noDissector(balance.port));
      assertEquals(strange.filter((line) => !/captured/.test(line)), []);
      assert(count > 0);
    },
  );
}

/** Starts a balance that dumps into a named pipe without a reader, and three clients. */
async function startStuckDump(
  workers: number,
  overflow: "block" | "drop",
  expectStderr: RegExp = /^$/,
) {
  const dir = tempDir();
  const pipe = `${dir.path}/pipe`;
  await run("mkfifo", [pipe]);
  // A pipe opens at once if it is opened for reading too.
  const holder = await Deno.open(pipe, { read: true, write: true });
  const server = stalledReader();
  server.resume();
  const balance: Controlled = await startControlled([
    ...["-f", "--workers", `${workers}`, "--dump-format", "pcapng", "--dump-file", pipe],
    ...["--dump-overflow", overflow, "PORT", server.address],
  ], { expectStderr });
  const session = await controlSession(balance.socket);
  const clients: Client[] = [];
  for (let i = 0; i < 3; i++) clients.push(await connect(balance.port));
  return {
    balance,
    server,
    session,
    clients,
    dir: dir.path,
    /** Starts reading. `all` resolves when the dump has closed its end. */
    async read(): Promise<{ all: Promise<Uint8Array> }> {
      const reader = await Deno.open(pipe);
      holder.close();
      return { all: later(new Response(reader.readable).bytes()) };
    },
    async [Symbol.asyncDispose]() {
      for (const client of clients) await client.close();
      session[Symbol.dispose]();
      try {
        holder.close();
      } catch { /* closed already */ }
      await balance[Symbol.asyncDispose]();
      await server.stop();
      dir[Symbol.dispose]();
    },
  };
}
