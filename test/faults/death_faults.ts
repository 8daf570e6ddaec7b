/** Killing and stopping under load, and obstacles to a start. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { randomBytes } from "../helpers/bytes.ts";
import { freePort } from "../helpers/net/ports.ts";
import { isAlive } from "../helpers/program/process.ts";
import { helloOf, socketPath } from "../helpers/net/control_socket.ts";
import { listensOn } from "../helpers/net/tcp_sockets.ts";
import { skip, t, until } from "../helpers/t.ts";
import { echoOrigin } from "./helpers/origin.ts";
import { figure, pause, scaled } from "./helpers/sizes.ts";
import {
  AS_NOBODY,
  cacheForNobody,
  canBeNobody,
  canUnshare,
  runWith,
  shell,
  startWith,
} from "./helpers/start_with.ts";
import { exchange, shortConnection } from "./helpers/traffic.ts";

/** Registers a test that needs root and some tools. */
function asRoot(name: string, can: boolean, fn: () => Promise<void>): void {
  if (can) t(name, fn);
  else skip(name, "needs root that may unshare and setpriv (util-linux, iproute2)");
}

t(
  "SIGKILL during traffic leaves a stale socket, which the next start replaces",
  async () => {
    await using server = echoOrigin();
    const port = freePort();
    const rundir = await Deno.makeTempDir({ prefix: "balance-test-" });
    try {
      const argv = ["-f", String(port), server.address];
      const path = socketPath(rundir, port);
      for (let round = 0; round < 3; round++) {
        await using balance = startWith(argv, { rundir });
        await balance.listening(port);
        await until(async () => (await helloOf(path).catch(() => undefined))?.pid === balance.pid, {
          what: "its control socket",
        });
        using conn = await Deno.connect({ hostname: "127.0.0.1", port });
        await exchange(conn);
        balance.kill("SIGKILL");
        await balance.ended;
        assert(Deno.lstatSync(path).isSocket, "the stale socket");
      }
    } finally {
      await Deno.remove(rundir, { recursive: true });
    }
  },
);

for (const argv of [[], ["--workers", "2"]]) {
  t(`SIGTERM under load: every accepted connection finishes, none is reset ${argv}`, async () => {
    const count = scaled(500, 20);
    await using server = echoOrigin();
    const port = freePort();
    await using balance = startWith(["-f", ...argv, String(port), server.address]);
    await balance.listening(port);
    await shortConnection(port);
    const message = randomBytes(20_000, 7);
    const errors: unknown[] = [];
    let talking = 0, finished = 0;
    const going = Promise.withResolvers<void>();
    async function client(): Promise<void> {
      try {
        using conn = await Deno.connect({ hostname: "127.0.0.1", port });
        await exchange(conn, { bytes: message });
        if (++talking === count) going.resolve();
        for (let n = scaled(20, 5); n > 0; n--) {
          await pause(100);
          await exchange(conn, { bytes: message });
        }
        await conn.closeWrite();
        if (await conn.read(new Uint8Array(1)) !== null) throw new Error("more than an echo");
        finished++;
      } catch (error) {
        errors.push(error);
        going.resolve();
      }
    }
    const clients = Array.from({ length: count }, client);
    await going.promise;
    const started = performance.now();
    balance.kill("SIGTERM");
    await until(() => !listensOn(port), { everyMs: 20, what: "the listener to go" });
    const { code, stderr } = await balance.ended;
    const seconds = (performance.now() - started) / 1000;
    await Promise.all(clients);
    figure(
      `SIGTERM under load ${argv.join(" ")}`.trim(),
      `${count} connections, ${finished} finished, ${errors.length} errors, the end after ` +
        `${seconds.toFixed(1)} s with exit code ${code}`,
    );
    assertEquals(errors, []);
    assertEquals([code, finished, stderr], [0, count, ""]);
  });
}

for (
  const [name, mode] of [
    ["in the foreground", ["-f"]],
    ["in the background", []],
    ["with two workers", ["-f", "--workers", "2"]],
  ] as const
) {
  t(
    `two started at once on one port, ${name}: exactly one wins, the other reports why it failed`,
    async () => {
      await using server = echoOrigin();
      for (let round = 0; round < scaled(10, 2); round++) {
        const port = freePort();
        const rundir = await Deno.makeTempDir({ prefix: "balance-test-" });
        try {
          const both = [1, 2].map(() =>
            startWith([...mode, String(port), server.address], { rundir })
          );
          const first = await Promise.race(both.map((one) => one.ended));
          if (mode.length > 0) {
            assertEquals(first.code, 69, first.stderr);
            assertMatch(first.stderr, /^balance: can't bind local address/);
          }
          const path = socketPath(rundir, port);
          await until(() => helloOf(path).catch(() => undefined), { what: "the winner" });
          const { pid } = await helloOf(path);
          await shortConnection(port);
          if (mode.length > 0) {
            assertEquals(both.filter((one) => one.pid === pid).length, 1);
          } else {
            const ends = await Promise.all(both.map((one) => one.ended));
            assertEquals(ends.map((one) => one.code).sort(), [0, 69]);
            const loser = ends.find((one) => one.code === 69)!;
            assertMatch(loser.stderr, /can't bind local address/);
            Deno.kill(pid, "SIGTERM");
            await until(() => !isAlive(pid), { what: "the winner to end" });
          }
          for (const one of both) await one[Symbol.asyncDispose]();
        } finally {
          await Deno.remove(rundir, { recursive: true });
        }
      }
    },
  );
}

asRoot("a full disk refuses the start with one line and exit code 73", canUnshare, async () => {
  const rundir = await Deno.makeTempDir({ prefix: "balance-test-" });
  try {
    // The root directory takes one of two inodes, a file the other.
    const full = `mount -t tmpfs -o nr_inodes=2 none ${rundir} && touch ${rundir}/full`;
    const end = await runWith(["-f", String(freePort()), "127.0.0.1:1"], {
      rundir,
      prefix: ["unshare", "-m", ...shell(full)],
    });
    assertEquals(end.code, 73, end.stderr);
    assertMatch(end.stderr, /^balance: .*No space left on device.*\n$/);
  } finally {
    await Deno.remove(rundir, { recursive: true });
  }
});

asRoot(
  "a log on a disk that fills up is reported once, and connections continue",
  canUnshare,
  async () => {
    await using server = echoOrigin();
    const port = freePort();
    const disk = await Deno.makeTempDir({ prefix: "balance-test-" });
    try {
      await using balance = startWith(
        ["-f", "--log", `${disk}/log`, String(port), server.address],
        {
          prefix: ["unshare", "-m", ...shell(`mount -t tmpfs -o size=16k none ${disk}`)],
        },
      );
      await balance.listening(port);
      for (let i = 0; i < 300; i++) await shortConnection(port);
      await until(() => balance.stderr !== "", { what: "a line about the disk" });
      for (let i = 0; i < 100; i++) await shortConnection(port);
      const lines = balance.stderr.split("\n").filter((line) => line !== "");
      assertEquals(lines.length, 1, balance.stderr);
      assertMatch(lines[0]!, /^cannot write log file .*No space left/);
    } finally {
      await Deno.remove(disk, { recursive: true });
    }
  },
);

asRoot(
  "a read-only run directory is refused with one line and exit code 73",
  canUnshare,
  async () => {
    const rundir = await Deno.makeTempDir({ prefix: "balance-test-" });
    try {
      const end = await runWith(["-f", String(freePort()), "127.0.0.1:1"], {
        rundir,
        prefix: ["unshare", "-m", ...shell(`mount -t tmpfs -o ro none ${rundir}`)],
      });
      assertEquals(end.code, 73, end.stderr);
      assertMatch(end.stderr, /^balance: .*Read-only file system.*\n$/);
    } finally {
      await Deno.remove(rundir, { recursive: true });
    }
  },
);

asRoot(
  "a run directory of another user is refused with one line and exit code 73",
  canBeNobody,
  async () => {
    const rundir = await Deno.makeTempDir({ prefix: "balance-test-" });
    try {
      await Deno.chmod(rundir, 0o777);
      await Deno.chown(rundir, 12345, 12345);
      const argv = ["-f", String(freePort()), "127.0.0.1:1"];
      await using cache = await cacheForNobody();
      for (const prefix of [[], AS_NOBODY]) {
        const end = await runWith(argv, { rundir, prefix, env: cache.env });
        assertEquals(end.code, 73, end.stderr);
        assertMatch(end.stderr, /^balance: can't use run directory .*belongs to user 12345\n$/);
      }
    } finally {
      await Deno.remove(rundir, { recursive: true });
    }
  },
);

asRoot("a port without permission is named in the error, exit code 69", canBeNobody, async () => {
  const rundir = await Deno.makeTempDir({ prefix: "balance-test-" });
  try {
    await Deno.chown(rundir, 65534, 65534);
    await using cache = await cacheForNobody();
    for (const mode of [["-f"], []]) {
      const end = await runWith([...mode, "81", "127.0.0.1:1"], {
        rundir,
        prefix: AS_NOBODY,
        env: cache.env,
      });
      assertEquals(end.code, 69, end.stderr);
      assertEquals(
        end.stderr,
        "balance: can't bind local address 0.0.0.0:81: permission denied: " +
          "a port below 1024 needs CAP_NET_BIND_SERVICE or root\n",
      );
    }
  } finally {
    await Deno.remove(rundir, { recursive: true });
  }
});
