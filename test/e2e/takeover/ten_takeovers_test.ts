/** Takeovers one after the other under load: no client notices any of them. */

import { assert, assertEquals } from "@std/assert";
import { hasIpv6, named } from "../../helpers/net/backends.ts";
import { helloOf } from "../../helpers/net/control_socket.ts";
import { freePort } from "../../helpers/net/ports.ts";
import { startBackground } from "../../helpers/program/start_background.ts";
import { runDirectory } from "../../helpers/run_directory.ts";
import { startLoad } from "../../helpers/takeover/load.ts";
import { skip, t, until } from "../../helpers/t.ts";

const TAKEOVERS = 10;

/** Where it listens. */
interface Place {
  readonly hostname: string;
  /** The address in the name of its socket. */
  readonly address: string;
  readonly argv: readonly string[];
}

const PLACES: readonly Place[] = [
  { hostname: "127.0.0.1", address: "0.0.0.0", argv: [] },
  { hostname: "127.0.0.1", address: "127.0.0.1", argv: ["-b", "127.0.0.1"] },
  { hostname: "::1", address: "::", argv: ["-6"] },
];

for (const { hostname, address, argv } of PLACES) {
  const name = `${TAKEOVERS} takeovers in a row on ${address} under load: ` +
    "50 clients that connect in a loop and 200 transfers see no error";
  if (hostname === "::1" && !hasIpv6) skip(name, "no IPv6");
  else t(name, () => takeOverAgainAndAgain({ hostname, address, argv }));
}

async function takeOverAgainAndAgain({ hostname, address, argv }: Place): Promise<void> {
  await using backend = named("B0");
  using directory = runDirectory();
  const port = freePort(), rundir = directory.path;
  const at = { port, rundir, address };
  const start = (...more: string[]) =>
    startBackground([...more, ...argv, "--grace", "60", "PORT", backend.address], at);
  await using all = new AsyncDisposableStack();
  const pids: number[] = [];
  let current = all.use(await start());
  await using load = startLoad(port, { hostname, clients: 50, transfers: 200, transferMs: 4000 });
  const { served } = load;
  await until(() => load.served > served + 50, { timeoutMs: 30_000 });
  for (let i = 0; i < TAKEOVERS; i++) {
    pids.push(current.pid);
    const before = load.served;
    current = all.use(await start("--takeover"));
    assert(!pids.includes(current.pid));
    await until(() => load.served > before + 50, { timeoutMs: 30_000 });
  }
  await load.end();
  assertEquals(load.errors, {});
  assert(load.transferred >= 200, `${load.transferred} transfers`);
  console.log(`${load.served} short connections, ${load.transferred} transfers`);
  await until(() => [...Deno.readDirSync(rundir)].length === 1, {
    timeoutMs: 30_000,
    what: "all predecessors to end",
  });
  assertEquals((await helloOf(current.socket)).pid, current.pid);
}
