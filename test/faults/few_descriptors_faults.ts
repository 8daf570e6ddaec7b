/** A limit of file descriptors that leaves room for about one connection. */
import { assertEquals } from "@std/assert";
import { randomBytes, sha256 } from "../helpers/bytes.ts";
import { whyNot } from "../helpers/engine/can_run.ts";
import { connect, hashToEnd } from "../helpers/net/client.ts";
import { answers, controlSession, socketPath } from "../helpers/net/control_socket.ts";
import { freePort } from "../helpers/net/ports.ts";
import { skip, t, until, untilStill } from "../helpers/t.ts";
import { counters } from "./helpers/integrity.ts";
import { echoOrigin } from "./helpers/origin.ts";
import { figure, scaled } from "./helpers/sizes.ts";
import { shell, startWith } from "./helpers/start_with.ts";

const LIMIT = 64, CLIENTS = scaled(200, 50);
/** Enough to make the epoll engine open pipes. */
const DATA = randomBytes(512 << 10, 9), SHA256 = sha256(DATA);
const MESSAGE = "cannot accept more connections: file descriptor limit reached\n";
const PATIENCE_MS = 120_000;

for (const engine of ["streams", "epoll"] as const) {
  const name = `all clients are served in turn with ${LIMIT} file descriptors, ${engine}`;
  const reason = whyNot(engine);
  if (reason !== undefined) {
    skip(name, reason);
    continue;
  }
  t(name, async () => {
    await using server = echoOrigin();
    const port = freePort();
    const argv = ["-f", "--engine", engine, "--workers", "1", String(port), server.address];
    await using balance = startWith(argv, { prefix: shell(`ulimit -n ${LIMIT}`) });
    const control = socketPath(balance.rundir, port);
    await until(() => answers(control), { timeoutMs: 30_000, what: "the control socket" });
    const before = await untilStill(() => balance.fds(), { what: "the descriptors at rest" });
    const started = performance.now();
    let most = 0;
    const received = await Promise.all(Array.from({ length: CLIENTS }, async () => {
      await using client = await connect(port);
      const [back] = await Promise.all([
        hashToEnd(client, { timeoutMs: PATIENCE_MS }),
        client.send(DATA).then(() => client.closeWrite()),
      ]);
      most = Math.max(most, balance.fds());
      return back.sha256;
    }));
    const seconds = (performance.now() - started) / 1000;
    assertEquals(received, Array(CLIENTS).fill(SHA256));
    assertEquals(balance.stderr, MESSAGE);
    await until(() => balance.fds() <= before, { what: () => `${before}, ${balance.fds()} open` });
    using session = await controlSession(control);
    await until(async () => (await counters(session)).c === 0, { what: "c to be 0" });
    const { totalc, sent, rcvd } = await counters(session), bytes = CLIENTS * DATA.length;
    assertEquals({ totalc, sent, rcvd }, { totalc: CLIENTS, sent: bytes, rcvd: bytes });
    figure(
      `few descriptors, ${engine}`,
      `limit ${LIMIT}: ${CLIENTS} clients served in ${seconds.toFixed(1)} s, ` +
        `${before} descriptors at rest, at most ${most}`,
    );
  });
}
