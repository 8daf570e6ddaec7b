/** A dump that nobody reads, and clients that connect and send nothing: memory is bounded. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { randomBytes } from "../../helpers/bytes.ts";
import { run } from "../../helpers/dump/capture_tools.ts";
import { readPackets } from "../../helpers/dump/pcapng.ts";
import { echo } from "../../helpers/net/backends.ts";
import { type Client, connect, readToEnd } from "../../helpers/net/client.ts";
import { command, controlSession } from "../../helpers/net/control_socket.ts";
import { deadPort } from "../../helpers/net/ports.ts";
import { runBalance } from "../../helpers/program/start_balance.ts";
import { startControlled } from "../../helpers/program/start_controlled.ts";
import { later, until, untilStill, within, withTools } from "../../helpers/t.ts";
import { tempDir } from "../../helpers/temp_dir.ts";

/** The clients must wait before this many connections are served. */
const MAX_SERVED = 15_000;
/** Clients at a time, fewer than the backlog holds. */
const CLIENTS = 50;
/** Reported when a dump ends whose reader is stuck. */
const TOO_SLOW = /^cannot write dump file \[\S+\]: too slow, its records are dropped\n$/;
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

for (const [workers, format] of [[1, "json"], [4, "pcapng"]] as const) {
  const title = (name: string) => `${name} (${workers} worker${workers === 1 ? "" : "s"})`;

  withTools(
    ["mkfifo"],
    title("a dump that is not read makes clients wait in the backlog, and then nothing is lost"),
    async () => {
      await using made = await startStalled(workers, format);
      const { balance, storm, session } = made;
      await until(() => storm.served() >= 1000, { timeoutMs: 30_000, what: "1000 clients" });
      const before = balance.rss();
      await storm.stalls();
      const growth = balance.rss() - before;
      assert(growth < 100_000_000, `memory grew by ${growth} bytes`);
      assertMatch(await command(session, "dump"), /dropped 0\n$/);

      // When it is read, the clients that waited are served.
      storm.stop();
      const { all } = await made.read();
      const served = await storm.ended();
      await command(session, "dump off");
      const dump = await within(all, { timeoutMs: 20_000, what: "the reader" });
      if (format === "json") {
        const kinds = text(dump).trimEnd().split("\n").map((line) => JSON.parse(line).type);
        assertEquals(kinds.filter((kind) => kind === "open").length, served);
        assertEquals(kinds.filter((kind) => kind === "close").length, served);
      } else {
        // Not as conversations: ports are used again, and workers record independently.
        const flags = readPackets(dump).map((packet) => packet.flags);
        assertEquals(flags.filter((each) => each === "S").length, served);
        assertEquals(flags.filter((each) => each.includes("F")).length, 2 * served);
      }
    },
  );

  withTools(
    ["mkfifo"],
    title("dump off lets clients in that wait for a dump that is not read"),
    async () => {
      await using made = await startStalled(workers, format, TOO_SLOW);
      const { storm, session } = made;
      const before = await storm.stalls();
      await command(session, "dump off");
      await until(() => storm.served() > before + CLIENTS, { what: "clients to be served" });
    },
  );

  withTools(
    ["mkfifo"],
    title("a connection that a dump holds back is closed by close and by SIGTERM"),
    async () => {
      await using server = echo();
      await using made = await startHeld({
        options: ["--workers", `${workers}`, "--dump-format", format, "--grace", "1"],
        backends: [server.address],
        expectStderr: TOO_SLOW,
      });
      const { balance, session } = made;
      await using first = await connect(balance.port);
      await using second = await connect(balance.port);
      const sending = [first, second].map((client) => later(endless(client)));
      const moved = async () => {
        const conns: { id: number; sent: number }[] = JSON.parse(
          await command(session, "conns --json"),
        );
        return conns.reduce((sum, { sent }) => sum + sent, 0);
      };
      await untilStill(moved, { everyMs: 20, what: "the senders to stall" });
      assertEquals(
        await command(session, "close channel 0"),
        "2 connections of channel 0 closed\n",
      );
      await within(Promise.all(sending), { timeoutMs: 5000, what: "the connections to end" });

      await using third = await connect(balance.port);
      balance.kill();
      const { code } = await within(balance.ended, { timeoutMs: 8000, what: "the end" });
      // The third client was either cut off after the grace time, or still in the backlog.
      assert(code === 0 || code === 143, `${code}`);
      await third.close();
    },
  );

  withTools(
    ["mkfifo"],
    title("a connection that a dump holds back ends by -T, and balance by -c kill"),
    async () => {
      await using server = echo();
      await using made = await startHeld({
        options: ["--workers", `${workers}`, "--dump-format", format, "-T", "1", "--grace", "1"],
        backends: [server.address],
        expectStderr: "any",
      });
      const { balance } = made;
      await using first = await connect(balance.port);
      await within(endless(first), { timeoutMs: 20_000, what: "the idle timeout" });
      await balance.waitForStderr(/timed out after 1 seconds/);

      await using second = await connect(balance.port);
      const sending = later(endless(second));
      const { rundir, port } = balance;
      const killed = await runBalance(["-c", "kill", "PORT"], { port, rundir });
      assertEquals(killed.code, 0, killed.stderr);
      await within(balance.ended, { timeoutMs: 8000, what: "the end" });
      await second.close();
      await sending;
    },
  );
}

/** Starts a balance that dumps into a pipe whose reader does not read. */
async function startHeld(
  { options, backends, expectStderr = /^$/ }: {
    options: readonly string[];
    backends: readonly string[];
    expectStderr?: RegExp | "any";
  },
) {
  const dir = tempDir();
  const pipe = `${dir.path}/pipe`;
  await run("mkfifo", [pipe]);
  // For the dump, that is a reader.
  const holder = await Deno.open(pipe, { read: true, write: true });
  const balance = await startControlled([
    ...["-f", "--dump-file", pipe, ...options, "PORT", ...backends],
  ], { expectStderr });
  const session = await controlSession(balance.socket);
  return {
    balance,
    session,
    /** Starts reading. `all` resolves when the dump has closed its end. */
    async read(): Promise<{ all: Promise<Uint8Array> }> {
      const reader = await Deno.open(pipe);
      holder.close();
      return { all: later(new Response(reader.readable).bytes()) };
    },
    async [Symbol.asyncDispose]() {
      session[Symbol.dispose]();
      await balance[Symbol.asyncDispose]();
      try {
        holder.close();
      } catch { /* closed already */ }
      dir[Symbol.dispose]();
    },
  };
}

/**
 * The same, and clients that connect until balance closes the connection, one after the other.
 *
 * Each of them fails at several backends, so that it has many records, and none with bytes.
 */
async function startStalled(workers: number, format: string, expectStderr?: RegExp) {
  const dead = deadPort();
  const held = await startHeld({
    options: ["--workers", `${workers}`, "--dump-format", format],
    backends: Array.from({ length: 6 }, () => `127.0.0.1:${dead}`),
    ...(expectStderr && { expectStderr }),
  });
  const { port } = held.balance;
  let served = 0, stopped = false;
  async function client(): Promise<void> {
    while (!stopped && served < MAX_SERVED) {
      await using connection = await connect(port);
      if ((await readToEnd(connection, { timeoutMs: 120_000 })).end === "EOF") served++;
    }
  }
  const clients = Array.from({ length: CLIENTS }, () => later(client()));
  const storm = {
    /** Number of clients served so far. */
    served: () => served,
    /** Waits until no client is served any more. @returns How many were served until then. */
    async stalls(): Promise<number> {
      const last = await untilStill(() => served, {
        looks: 40,
        everyMs: 50,
        timeoutMs: 120_000,
        what: "the clients to wait",
      });
      assert(last < MAX_SERVED, "no client has to wait");
      return last;
    },
    stop: () => void (stopped = true),
    /** Waits for the clients. @returns How many were served. */
    async ended(): Promise<number> {
      // Those that connect while balance ends are refused.
      await within(Promise.allSettled(clients), { timeoutMs: 60_000, what: "the clients" });
      return served;
    },
  };
  return {
    ...held,
    storm,
    async [Symbol.asyncDispose]() {
      stopped = true;
      await held[Symbol.asyncDispose]();
      await storm.ended();
    },
  };
}

/** Sends until the connection ends. */
async function endless(client: Client): Promise<void> {
  const data = randomBytes(65536, 1);
  try {
    for (;;) await client.send(data);
  } catch { /* closed by balance */ }
}
