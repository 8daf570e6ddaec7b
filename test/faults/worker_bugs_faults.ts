/**
 * Bugs in the workers of the program with the epoll engine, while clients keep it busy. Its workers
 * are replaced by ones with bugs, see test/helpers/workers/buggy_worker.ts.
 */
import { assert, assertEquals } from "@std/assert";
import { whyNot } from "../helpers/engine/can_run.ts";
import { type Client, connect, readToEnd } from "../helpers/net/client.ts";
import { controlSession } from "../helpers/net/control_socket.ts";
import { startControlled } from "../helpers/program/start_controlled.ts";
import { skip, t, until } from "../helpers/t.ts";
import { BUG_BYTES, CRASH_BYTES } from "../helpers/workers/bugs.ts";
import { counters } from "./helpers/integrity.ts";
import { echoOrigin } from "./helpers/origin.ts";
import { figure, scaled } from "./helpers/sizes.ts";
import { exchange } from "./helpers/traffic.ts";

const MAIN = new URL("../helpers/workers/buggy_main.ts", import.meta.url).pathname;
/** With more rounds than workers, one that was restarted has served clients. */
const TALKERS = 40, ROUNDS = scaled(5, 2);
const MESSAGE = new Uint8Array(512).fill(0x61);
const BUG = /^internal error: bug on purpose at .*$/gm;
const CRASH = /^worker \d ended with an error and is restarted: .*crash on purpose$/gm;

/** Clients that send one message after the other. */
function talkers(port: number) {
  let isOver = false, cutOff = 0, messages = 0;
  const wrong: unknown[] = [];
  /** Talks until it is over. One whose connection was cut off connects again. */
  async function talk(): Promise<void> {
    while (!isOver) {
      using conn = await Deno.connect({ hostname: "127.0.0.1", port });
      try {
        while (!isOver) {
          await exchange(conn, { bytes: MESSAGE });
          messages++;
        }
      } catch (error) {
        if (/wrong/.test(`${error}`)) wrong.push(error);
        cutOff++;
      }
    }
  }
  const all = Promise.all(
    Array.from({ length: TALKERS }, () => talk().catch((error) => wrong.push(error))),
  );
  return {
    /** Connections that were cut off so far. */
    get cutOff() {
      return cutOff;
    },
    get messages() {
      return messages;
    },
    async end(): Promise<unknown[]> {
      isOver = true;
      await all;
      return wrong;
    },
    [Symbol.dispose]: () => void (isOver = true),
  };
}

/** Sends a message that brings out a bug; returns how the connection ended. */
async function bringOut(port: number, length: number): Promise<string> {
  await using client: Client = await connect(port);
  await client.send(new Uint8Array(length));
  return (await readToEnd(client)).end;
}

function tests(): void {
  for (const workers of [1, 3]) {
    t(
      `bugs under load, workers ${workers}: only the connections that they concern end`,
      async () => {
        await using server = echoOrigin();
        const argv = ["-f", "--engine", "epoll", "--workers", `${workers}`, "PORT", server.address];
        await using balance = await startControlled(argv, { main: MAIN, expectStderr: "any" });
        const fds = await balance.quietFds();
        const printed = (what: RegExp) => balance.stderr.match(what)?.length ?? 0;
        using load = talkers(balance.port);
        const goesOn = async () => {
          const before = load.messages;
          await until(() => load.messages > before + 20 * TALKERS, { what: "more messages" });
        };
        await goesOn();
        for (let round = 1; round <= ROUNDS; round++) {
          const before = load.cutOff;
          await bringOut(balance.port, BUG_BYTES);
          await until(() => printed(BUG) === round, { what: () => `a report: ${balance.stderr}` });
          await goesOn();
          assertEquals(load.cutOff, before, "a bug in one connection has ended others");
          await bringOut(balance.port, CRASH_BYTES);
          await until(() => printed(CRASH) === round, {
            what: () => `a report: ${balance.stderr}`,
          });
          await goesOn();
          const ended = load.cutOff - before;
          if (workers === 1) assertEquals(ended, TALKERS);
          // Later, the workers that were not restarted lately hold most of the connections.
          else if (round === 1) {
            assert(ended > 0 && ended < TALKERS, `${ended} of ${TALKERS} were cut off`);
          }
        }
        assertEquals(await load.end(), []);
        figure(
          `bugs under load, workers ${workers}`,
          `${ROUNDS} crashes, ${load.messages} messages, ${load.cutOff} connections cut off`,
        );
        assertEquals(balance.stderr.trim().split("\n").length, 2 * ROUNDS, balance.stderr);
        using session = await controlSession(balance.socket);
        await until(async () => (await counters(session)).c === 0, { what: "c to be 0" });
        session[Symbol.dispose]();
        await balance.settledFds(fds);
        assertEquals((await balance.stop()).code, 0);
      },
    );
  }
}

const reason = whyNot("epoll");
if (reason === undefined) tests();
else skip("bugs under load", reason);
