/** Changes of the wall clock while connections are idle; a resolver that hangs or fails. */
import { assert, assertEquals } from "@std/assert";
import { freePort } from "../helpers/net/ports.ts";
import { runProgram } from "../helpers/program/start_program.ts";
import { skip, t, tool, until } from "../helpers/t.ts";
import { echoOrigin } from "./helpers/origin.ts";
import { figure, pause } from "./helpers/sizes.ts";
import { canUnshare, runWith, shell, startWith } from "./helpers/start_with.ts";
import { exchange, shortConnection } from "./helpers/traffic.ts";

const compiler = tool("gcc") ?? tool("cc");

/** Adds the seconds in a file to the wall clock, but not to the monotonic clock. */
const SHIM = `
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
static long offset(void) {
  char text[32] = {0};
  int file = open(getenv("CLOCK_OFFSET_FILE"), O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  long n = read(file, text, sizeof text - 1);
  close(file);
  return n > 0 ? atol(text) : 0;
}
int clock_gettime(clockid_t id, struct timespec *t) {
  static int (*real)(clockid_t, struct timespec *);
  if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
  int result = real(id, t);
  if (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE) t->tv_sec += offset();
  return result;
}
int gettimeofday(struct timeval *t, void *zone) {
  static int (*real)(struct timeval *, void *);
  if (!real) real = dlsym(RTLD_NEXT, "gettimeofday");
  int result = real(t, zone);
  t->tv_sec += offset();
  return result;
}
time_t time(time_t *t) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (t) *t = now.tv_sec;
  return now.tv_sec;
}
`;

if (compiler === undefined) skip("setting the wall clock", "there is no C compiler");
else {
  t("changes of the wall clock do not affect the idle timeout", async () => {
    const folder = await Deno.makeTempDir({ prefix: "balance-test-" });
    await using stack = new AsyncDisposableStack();
    stack.defer(() => Deno.remove(folder, { recursive: true }));
    const [source, shim, file] = [`${folder}/shim.c`, `${folder}/shim.so`, `${folder}/offset`];
    await Deno.writeTextFile(source, SHIM);
    await Deno.writeTextFile(file, "0");
    const built = await runProgram(compiler, ["-shared", "-fPIC", "-o", shim, source, "-ldl"]);
    assertEquals(built.code, 0, built.stderr);
    await using server = echoOrigin();
    const port = freePort(), log = `${folder}/log`;
    const argv = ["-f", "-T", "3", "--log", log, "--log-start", String(port)];
    await using balance = startWith([...argv, server.address], {
      env: { LD_PRELOAD: shim, CLOCK_OFFSET_FILE: file },
    });
    await balance.listening(port);

    using busy = await Deno.connect({ hostname: "127.0.0.1", port });
    using idle = await Deno.connect({ hostname: "127.0.0.1", port });
    await exchange(idle);
    const idleSince = performance.now();
    const ended = idle.read(new Uint8Array(1)).then(() => performance.now() - idleSince);
    let turns = 0;
    for (const offset of [86_400, -86_400, 3600, -3600, 400_000_000, 0, -1_000_000, 100]) {
      await Deno.writeTextFile(file, String(offset));
      await pause(600);
      await exchange(busy);
      await shortConnection(port);
      turns++;
    }
    const ms = await ended;
    figure(
      "wall clock",
      `set ${turns} times; -T 3 ended the idle connection after ${ms | 0} ms, ` +
        "the busy one never",
    );
    assert(ms > 2500 && ms < 4500, `the idle one ended after ${ms} ms`);
    await until(() => /timed out after 3 seconds/.test(balance.stderr), {
      what: "the timeout message",
    });
    await exchange(busy);
    // The changes took effect: the log contains several dates.
    await until(() => days(log).size >= 5, { what: () => `other days: ${[...days(log)]}` });
  });
}

function days(log: string): Set<string> {
  return new Set(Deno.readTextFileSync(log).match(/\b\d{4}-\d\d-\d\d/g));
}

/** Name servers in a network namespace, and the reason in the error message. */
const RESOLVERS = [
  // A server that never answers: the system resolver would wait for minutes.
  {
    name: "hanging",
    prepare: `ip link set lo up; "$DENO" eval --unstable-net 'Deno.listenDatagram({ transport: ` +
      `"udp", hostname: "127.0.0.1", port: 53 }); setTimeout(() => {}, 20000)' ` +
      "> /dev/null 2>&1 & sleep 1",
    reason: ": the resolver gave no answer within 10 seconds",
  },
  // No network at all: the message of 3.35.
  { name: "failing", prepare: ":", reason: "" },
] as const;

for (const { name, prepare, reason } of RESOLVERS) {
  const title = `a ${name} resolver ends the start in time with an error`;
  if (!canUnshare) {
    skip(title, "needs root that may unshare (util-linux, iproute2)");
    continue;
  }
  t(title, async () => {
    const folder = await Deno.makeTempDir({ prefix: "balance-test-" });
    try {
      const conf = `${folder}/resolv.conf`, nss = `${folder}/nsswitch.conf`;
      await Deno.writeTextFile(conf, "nameserver 127.0.0.1\noptions timeout:30 attempts:5\n");
      await Deno.writeTextFile(nss, "hosts: files dns\n");
      const mounts = `mount --bind ${conf} /etc/resolv.conf; ` +
        `[ ! -e /etc/nsswitch.conf ] || mount --bind ${nss} /etc/nsswitch.conf`;
      const started = performance.now();
      const end = await runWith(["-f", String(freePort()), "backend.example:80"], {
        prefix: ["unshare", "-n", "-m", ...shell(`${mounts}; ${prepare}`)],
        env: { DENO: Deno.execPath() },
        timeoutMs: 40_000,
      });
      const seconds = (performance.now() - started) / 1000;
      figure(`resolver ${name}`, `${seconds.toFixed(1)} s, code ${end.code}, ${end.stderr.trim()}`);
      assertEquals(end.code, 65, end.stderr);
      assertEquals(end.stderr, `unknown or invalid address [backend.example]${reason}\n`);
      assert(seconds < 14, `it took ${seconds} s`);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}
