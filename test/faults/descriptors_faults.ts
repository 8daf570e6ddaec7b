/** File descriptors run out and become available again. */
import { assert, assertEquals } from "@std/assert";
import { writeAll } from "../../lib/base/bytes.ts";
import { readExactly } from "../helpers/net/client.ts";
import {
  answers as controlAnswers,
  controlSession,
  socketPath,
} from "../helpers/net/control_socket.ts";
import { deadPort, freePort } from "../helpers/net/ports.ts";
import { t, until } from "../helpers/t.ts";
import { counters } from "./helpers/integrity.ts";
import { echoOrigin } from "./helpers/origin.ts";
import { figure, pause, scaled } from "./helpers/sizes.ts";
import { shell, startWith } from "./helpers/start_with.ts";

const LIMIT = 256;
/** Seconds for which the clients stay connected. */
const HELD_S = 10;
const MAX_CPU = 0.3;
const SHORTAGE = /^cannot (accept|connect).*$/gm;

/** Connects, sends one word, waits for the answer, and stays connected until released. */
async function holder(
  port: number,
  { released, served }: { released: Promise<void>; served: () => void },
): Promise<string> {
  using conn = await Deno.connect({ hostname: "127.0.0.1", port });
  try {
    await writeAll(conn, new TextEncoder().encode("ping"));
    const answer = new TextDecoder().decode(await readExactly(conn, 4, { timeoutMs: 120_000 }));
    served();
    await released;
    return answer;
  } catch (error) {
    return `${error}`;
  }
}

const CASES = [
  { name: "with good backends", refusing: false, sessions: 0 },
  { name: "with half of the backends refusing", refusing: true, sessions: 0 },
  // Sessions take no descriptors of connections.
  { name: "beside a hundred control sessions", refusing: false, sessions: 100 },
];

for (const { name, refusing, sessions } of CASES) {
  t(
    `descriptors run out, ${name}: no crash, no busy loop, and service resumes by itself`,
    async () => {
      const clients = scaled(2000, 300);
      await using good = echoOrigin();
      await using second = echoOrigin();
      const port = freePort();
      const other = refusing ? `127.0.0.1:${deadPort()}` : second.address;
      await using balance = startWith(["-f", String(port), good.address, other], {
        prefix: shell(`ulimit -n ${LIMIT}`),
      });
      await balance.listening(port);
      const control = socketPath(balance.rundir, port);
      await until(() => controlAnswers(control), { what: "the control socket" });
      const before = balance.fds();
      using stack = new DisposableStack();
      for (let i = 0; i < sessions; i++) stack.use(await controlSession(control));
      const release = Promise.withResolvers<void>();
      let served = 0;
      const all = Promise.all(Array.from(
        { length: clients },
        () => holder(port, { released: release.promise, served: () => served++ }),
      ));
      await until(() => /cannot (accept|connect)/.test(balance.stderr), {
        timeoutMs: 20_000,
        what: () => `descriptors to run out, ${balance.fds()} are open; ${balance.stderr}`,
      });
      await pause(1000);
      // On a busy machine it takes longer until the clients have taken what there is.
      const enough = LIMIT / 2;
      const open = await until(() => {
        const now = balance.fds();
        return now > enough && now;
      }, {
        timeoutMs: 20_000,
        what: () => `more than ${enough} descriptors, ${balance.fds()} open`,
      });
      const cpu = balance.cpuS(), started = performance.now();
      await pause(scaled(HELD_S * 1000, 1000));
      const share = (balance.cpuS() - cpu) / (performance.now() - started) * 1000;
      const servedMeanwhile = served;
      // The control socket is still served.
      using asking = await controlSession(control);
      await until(async () => (await counters(asking)).c === served, {
        what: () => `c to be the ${served} clients that were served`,
      });
      release.resolve();
      stack.dispose();
      const answers = new Set(await all);
      // No client was refused: those that could not be accepted waited and are served now.
      assertEquals([...answers], ["ping"]);
      // Service resumes by itself, with all descriptors free and correct counters.
      await until(() => balance.fds() <= before + 4, {
        timeoutMs: 60_000,
        what: "the descriptors",
      });
      const after = await Promise.all(Array.from({ length: 50 }, () => roundTrip(port)));
      assertEquals(after, Array(50).fill("ping"));
      using session = await controlSession(control);
      await until(async () => (await counters(session)).c === 0, { what: "c to be 0" });
      const { totalc, sent, rcvd } = await counters(session);
      const lines = balance.stderr.match(SHORTAGE) ?? [];
      figure(
        `descriptors, ${name}`,
        `${clients} clients, limit ${LIMIT}: ${open} descriptors while exhausted, ` +
          `${
            (share * 100).toFixed(1)
          } % of a core, ${servedMeanwhile} served while it lasted, the others then, ` +
          `lines of log: ${
            lines.join("; ")
          }, counters: totalc ${totalc}, sent ${sent}, rcvd ${rcvd}`,
      );
      assert(open < LIMIT, `${open} descriptors were open`);
      assert(share < MAX_CPU, `it used ${share} of a core while exhausted`);
      assertEquals(lines.length, new Set(lines).size, `printed more than once: ${balance.stderr}`);
      assert(
        totalc >= good.accepted,
        `totalc ${totalc} < ${good.accepted} accepted by the backend`,
      );
      assertEquals(sent, good.received + second.received, "bytes to backends");
      assertEquals(sent, rcvd, "an echo sends as much as it receives");
      assert(servedMeanwhile > 20, `only ${servedMeanwhile} clients were served meanwhile`);
    },
  );
}

async function roundTrip(port: number): Promise<string> {
  using conn = await Deno.connect({ hostname: "127.0.0.1", port });
  await writeAll(conn, new TextEncoder().encode("ping"));
  return new TextDecoder().decode(await readExactly(conn, 4));
}
