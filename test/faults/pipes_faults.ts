/** A user whose pipes are used up (`fs.pipe-user-pages-soft`), as splice(2) needs them. */
import { assertEquals } from "@std/assert";
import { randomBytes, sha256 } from "../helpers/bytes.ts";
import { echo } from "../helpers/net/backends.ts";
import { connect, hashToEnd } from "../helpers/net/client.ts";
import { freePort } from "../helpers/net/ports.ts";
import { startProgram } from "../helpers/program/start_program.ts";
import { figure, mib, scaled } from "./helpers/sizes.ts";
import { AS_NOBODY, cacheForNobody, startWith, withNobody } from "./helpers/start_with.ts";

/** Opens pipes until new ones get less than the usual 64 KiB. */
const HOLDER = `
import fcntl, os, resource, time
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
count = 0
while True:
    ends = os.pipe()
    count += 1
    if fcntl.fcntl(ends[1], fcntl.F_GETPIPE_SZ) < 65536: break
    try: fcntl.fcntl(ends[1], fcntl.F_SETPIPE_SZ, 1 << 20)
    except OSError: pass
print("used up", count, flush=True)
time.sleep(600)
`;
const BYTES = scaled(200, 8) << 20, STREAMS = 4;

withNobody("when the pipes of the user are used up, all bytes still arrive", async () => {
  await using server = echo();
  await using cache = await cacheForNobody();
  const [command = "", ...args] = AS_NOBODY;
  await using holder = await startProgram(command, {
    args: [...args, "python3", "-c", HOLDER],
    ready: (output) => output.includes("used up"),
  });
  const port = freePort();
  await using balance = startWith(["-f", String(port), server.address], {
    prefix: AS_NOBODY,
    env: cache.env,
    rundir: null,
  });
  await balance.listening(port);
  const data = randomBytes(BYTES / STREAMS, 8);
  const started = performance.now();
  const received = await Promise.all(Array.from({ length: STREAMS }, async () => {
    await using client = await connect(port);
    const [back] = await Promise.all([
      hashToEnd(client, { timeoutMs: 120_000 }),
      client.send(data).then(() => client.closeWrite()),
    ]);
    return back.sha256;
  }));
  const seconds = (performance.now() - started) / 1000;
  figure(
    "pipes used up",
    `${holder.output.trim()} pipes; ${mib(2 * BYTES)} in ${seconds.toFixed(1)} s`,
  );
  assertEquals(received, Array(STREAMS).fill(sha256(data)));
}, { tools: ["python3"] });
