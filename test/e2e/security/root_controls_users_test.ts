/** Root controls the balances of other users, but not what they put in the way. */
import { assertEquals, assertMatch } from "@std/assert";
import {
  AS_NOBODY,
  cacheForNobody,
  NOBODY,
  runWith,
  startWith,
  withNobody,
} from "../../faults/helpers/start_with.ts";
import { answers, helloOf } from "../../helpers/net/control_socket.ts";
import { freePort } from "../../helpers/net/ports.ts";
import { fakeServer } from "../../helpers/control/fake_server.ts";
import { skip, until } from "../../helpers/t.ts";
import { VERSION } from "../../../lib/base/version.ts";

const OTHER = 61003;

/** Registers a test that needs to be root and another user, with the default directories. */
function asRoot(name: string, fn: () => Promise<void>): void {
  if (Deno.env.get("BALANCE_RUNDIR")) skip(name, "BALANCE_RUNDIR is set");
  else withNobody(name, fn);
}

/** The default run directory of a user, removed at the end if it was not there. */
function directoryOf(uid: number): { path: string } & Disposable {
  const path = `/tmp/balance-${uid}`;
  const remove = () => Deno.removeSync(path, { recursive: true });
  try {
    Deno.mkdirSync(path, { mode: 0o700 });
  } catch {
    return { path, [Symbol.dispose]() {} };
  }
  Deno.chownSync(path, uid, uid);
  return { path, [Symbol.dispose]: remove };
}

const byDefault = { rundir: null };

asRoot("root finds the balance of another user, and the user is found whatever asks", async () => {
  using directory = directoryOf(NOBODY);
  await using cache = await cacheForNobody();
  const port = freePort();
  const session = { ...cache.env, XDG_RUNTIME_DIR: directory.path };
  const nobody = { ...byDefault, prefix: AS_NOBODY, env: cache.env };
  await using balance = startWith(["-f", "-b", "127.0.0.1", String(port), "127.0.0.1:1"], {
    ...nobody,
    env: session,
  });
  const path = `${directory.path}/balance.${port}.127.0.0.1`;
  await until(() => answers(path), { timeoutMs: 20_000, what: () => balance.stderr });
  const ask = ["-b", "127.0.0.1", "-c", "rr", String(port)];
  for (const who of [byDefault, nobody, { ...nobody, env: session }]) {
    const end = await runWith(ask, who);
    assertEquals([end.code, end.stdout], [0, "group 0 set to round robin\n"], end.stderr);
  }
  const list = await runWith(["--list"], byDefault);
  const row = list.stdout.split("\n").find((line) => line.includes(` ${port} `)) ?? "";
  assertMatch(row, new RegExp(`^ *${balance.pid} .* running +nobody$`));
  const wrong = await runWith(["-c", "rr", String(port)], byDefault);
  assertEquals(wrong.code, 69);
  assertMatch(wrong.stderr, /use -b 127\.0\.0\.1\n/);
});

asRoot("--test has the answer that a takeover of another user's balance would have", async () => {
  using directory = directoryOf(NOBODY);
  await using cache = await cacheForNobody();
  const port = freePort(), argv = [String(port), "127.0.0.1:1"];
  const options = { ...byDefault, prefix: AS_NOBODY, env: cache.env };
  await using balance = startWith(["-f", ...argv], options);
  const path = `${directory.path}/balance.${port}.0.0.0.0`;
  await until(() => answers(path), { timeoutMs: 20_000, what: () => balance.stderr });
  const started = await runWith(["--takeover", "-f", ...argv], byDefault);
  assertMatch(started.stderr, /belongs to another user/);
  const tested = await runWith(["--takeover", "--test", ...argv], byDefault);
  assertEquals([tested.code, tested.stderr], [77, started.stderr]);
  const { code, stderr } = await runWith(["--test", ...argv], byDefault);
  assertEquals(code, 69);
  assertMatch(stderr, /in use \(a balance of user nobody runs there\)\n$/);
});

asRoot("a link to another balance, in the directory of a user, is not controlled", async () => {
  using directory = directoryOf(OTHER);
  const port = freePort(), victim = freePort();
  await using balance = startWith(["-f", String(victim), "127.0.0.1:1"]);
  const target = `${balance.rundir}/balance.${victim}.0.0.0.0`;
  await until(() => answers(target), { timeoutMs: 20_000, what: () => balance.stderr });
  const path = `${directory.path}/balance.${port}.0.0.0.0`;
  const kill = ["-c", "kill", String(port)];

  Deno.symlinkSync(target, path);
  new Deno.Command("chown", { args: ["-h", String(OTHER), path] }).outputSync();
  const link = await runWith(kill, byDefault);
  assertEquals([link.code, link.stdout], [77, ""]);
  assertMatch(link.stderr, /^balance: can't control .*: it is a link\n$/);

  // The socket may be swapped at the last moment: then the greeting is another balance's.
  Deno.removeSync(path);
  const elsewhere = { version: VERSION, pid: balance.pid, protocol: 1 };
  await using server = fakeServer(directory.path, { address: "0.0.0.0", port }, {
    ...elsewhere,
    address: "0.0.0.0",
    port: victim,
  });
  Deno.chownSync(path, OTHER, OTHER);
  const swapped = await runWith(kill, byDefault);
  assertEquals([swapped.code, swapped.stdout], [77, ""]);
  assertMatch(swapped.stderr, new RegExp(`: it belongs to 0\\.0\\.0\\.0:${victim}\n$`));
  assertEquals(server.asked, []);
  assertEquals((await helloOf(target)).stopping, false);
});

asRoot("when two users claim an address, root must choose", async () => {
  using first = directoryOf(OTHER);
  using second = directoryOf(OTHER + 1);
  const port = freePort(), at = { address: "0.0.0.0", port };
  const hello = { version: VERSION, pid: 1, protocol: 1, ...at };
  await using real = fakeServer(first.path, at, hello, { rr: "real\n" });
  await using fake = fakeServer(second.path, at, hello, { rr: "fake\n" });
  Deno.chownSync(`${first.path}/balance.${port}.0.0.0.0`, OTHER, OTHER);
  Deno.chownSync(`${second.path}/balance.${port}.0.0.0.0`, OTHER + 1, OTHER + 1);
  const ask = ["-c", "rr", String(port)];
  const end = await runWith(ask, byDefault);
  assertEquals([end.code, end.stdout], [77, ""]);
  assertMatch(end.stderr, /^balance: several balances claim to listen on .* set BALANCE_RUNDIR/);
  assertEquals([real.asked, fake.asked], [[], []]);
  const chosen = await runWith(ask, { rundir: first.path });
  assertEquals([chosen.code, chosen.stdout], [0, "real\n"]);
});

asRoot("/tmp/balance-N of another user than N is not used", async () => {
  using directory = directoryOf(OTHER);
  const port = freePort(), at = { address: "0.0.0.0", port };
  const hello = { version: VERSION, pid: 1, protocol: 1, ...at };
  await using fake = fakeServer(directory.path, at, hello);
  const path = `${directory.path}/balance.${port}.0.0.0.0`;
  Deno.chownSync(path, NOBODY, NOBODY);
  const ask = async () => await runWith(["-c", "kill", String(port)], byDefault);
  const socket = await ask();
  assertEquals(socket.code, 77);
  assertMatch(socket.stderr, /: it belongs to user 65534\n$/);
  Deno.chownSync(directory.path, NOBODY, NOBODY);
  const owner = await ask();
  assertEquals(owner.code, 77);
  assertMatch(owner.stderr, /: its directory belongs to user 65534\n$/);
  assertEquals(fake.asked, []);
});
