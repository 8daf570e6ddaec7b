/** Sockets of a separate process: the permission to call the C library is revoked after that. */

import { assert, assertEquals } from "@std/assert";
import { hasIpv6 } from "../../helpers/net/backends.ts";
import { sourceFlags } from "../../helpers/program/program.ts";
import { runProgram } from "../../helpers/program/start_program.ts";
import { t } from "../../helpers/t.ts";
import { tempDir } from "../../helpers/temp_dir.ts";

const ROOT = new URL("../../../", import.meta.url).pathname;

/** Two connections on loopback, whose accepted ends are `a` and `b`. */
const CONNECTIONS = `
  async function connections(listenOn, connectTo) {
    const listener = Deno.listen({ hostname: listenOn, port: 0 });
    const dial = async () => {
      const [far, near] = await Promise.all([
        Deno.connect({ hostname: connectTo, port: listener.addr.port }),
        listener.accept(),
      ]);
      return { far, near };
    };
    return { a: await dial(), b: await dial() };
  }
  const endpoint = ({ hostname, port }) => ({ address: hostname.replace("::ffff:", ""), port });
  const pair = (conn) => ({ local: endpoint(conn.localAddr), remote: endpoint(conn.remoteAddr) });
  async function works({ near, far }) {
    await near.write(new Uint8Array([7]));
    const buffer = new Uint8Array(8);
    return await far.read(buffer) === 1;
  }
  /** Writes until the peer's buffers are full, so that a write is pending. */
  async function fill(conn) {
    let writes = 0;
    const ended = (async () => {
      try {
        for (;; writes++) await conn.write(new Uint8Array(1 << 16));
      } catch (error) {
        return error.name;
      }
    })();
    for (let last = -1, same = 0; same < 20; last = writes) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      same = writes === last ? same + 1 : 0;
    }
    return { ended };
  }
  function openDescriptors() {
    let open = 0;
    for (let fd = 0; fd < 1024; fd++) if (c.fcntl(fd, 1, 0) >= 0) open++;
    return open;
  }
`;

/** Runs a module that has opened the C library. @returns What it has printed, as JSON. */
async function withSockets(script: string): Promise<unknown> {
  using dir = tempDir();
  const path = `${dir.path}/probe.ts`;
  Deno.writeTextFileSync(
    path,
    `import { openCLibrary } from "${ROOT}lib/native/c_library.ts";
     import { requestShutdown, shutdownSockets } from "${ROOT}lib/native/sockets.ts";
     const c = openCLibrary()!;
     ${CONNECTIONS}
     ${script}
     Deno.exit(0);`,
  );
  const args = [...sourceFlags({ cachedOnly: true }), "--no-check", path];
  const { code, stdout, stderr } = await runProgram(Deno.execPath(), args);
  assertEquals([code, stderr], [0, ""]);
  return JSON.parse(stdout);
}

const FAMILIES = [
  { name: "IPv4", listenOn: "127.0.0.1", connectTo: "127.0.0.1" },
  ...hasIpv6
    ? [
      { name: "IPv6", listenOn: "::1", connectTo: "::1" },
      { name: "IPv4-mapped", listenOn: "::", connectTo: "127.0.0.1" },
    ]
    : [],
];

for (const { name, listenOn, connectTo } of FAMILIES) {
  t(`shutdownSockets() ends a pending write of the named ${name} socket only`, async () => {
    const result = await withSockets(`
      const { a, b } = await connections("${listenOn}", "${connectTo}");
      const one = pair(a.near), before = openDescriptors();
      const wrong = [
        { local: one.local, remote: { ...one.remote, address: "192.0.2.1" } },
        { local: { ...one.local, address: "2001:db8::1" }, remote: one.remote },
        { local: { ...one.local, port: 1 }, remote: one.remote },
        { local: { address: "nonsense", port: 1 }, remote: one.remote },
      ];
      const foundWrong = shutdownSockets(wrong);
      const stillWork = [await works(a), await works(b)];
      const filled = await fill(a.near);
      const found = shutdownSockets([one]);
      console.log(JSON.stringify({
        foundWrong,
        stillWork,
        found,
        error: await filled.ended,
        otherWorks: await works(b),
        leaked: openDescriptors() - before,
        closed: shutdownSockets([{ local: one.local, remote: { address: "127.0.0.1", port: 1 } }]),
      }));
    `);
    assertEquals(result, {
      foundWrong: 0,
      stillWork: [true, true],
      found: 1,
      error: "BrokenPipe",
      otherWorks: true,
      leaked: 0,
      closed: 0,
    });
  });
}

t("shutdownSockets() tells the two ends of a connection in this process apart", async () => {
  const result = await withSockets(`
    const { a } = await connections("127.0.0.1", "127.0.0.1");
    const found = shutdownSockets([pair(a.far)]);
    // The near end is not shut down: it reads the end of input, but a write is possible.
    const buffer = new Uint8Array(1);
    console.log(JSON.stringify([found, await a.near.read(buffer), await a.near.write(buffer)]));
  `);
  assertEquals(result, [1, null, 1]);
});

t("requestShutdown() searches for all requested sockets, at most once a second", async () => {
  const result = await withSockets(`
    const { a, b } = await connections("127.0.0.1", "127.0.0.1");
    const more = await connections("127.0.0.1", "127.0.0.1");
    const filled = [await fill(a.near), await fill(b.near), await fill(more.a.near)];
    const ended = async (index) => [await filled[index].ended, performance.now()];
    requestShutdown([pair(a.near)]);
    requestShutdown([pair(b.near)]);
    const together = await Promise.all([ended(0), ended(1)]);
    requestShutdown([pair(more.a.near)]);
    console.log(JSON.stringify([...together, await ended(2), await works(more.b)]));
  `) as [[string, number], [string, number], [string, number], boolean];
  const [[first, firstMs], [second, secondMs], [third, thirdMs], othersWork] = result;
  assertEquals([first, second, third, othersWork], [
    "BrokenPipe",
    "BrokenPipe",
    "BrokenPipe",
    true,
  ]);
  // The pause of a second starts at the end of the first search, which found both.
  assert(thirdMs - Math.max(firstMs, secondMs) > 800, `ended after ${thirdMs} ms`);
});

t("shutdownSockets() finds nothing without the C library", async () => {
  using dir = tempDir();
  const path = `${dir.path}/probe.ts`;
  Deno.writeTextFileSync(
    path,
    `import { requestShutdown, shutdownSockets } from "${ROOT}lib/native/sockets.ts";
     const one = { address: "127.0.0.1", port: 1 };
     requestShutdown([{ local: one, remote: one }]);
     console.log(shutdownSockets([{ local: one, remote: one }]));`,
  );
  const args = ["run", "--quiet", `--config=${ROOT}deno.json`, "--no-check", path];
  const { code, stdout, stderr } = await runProgram(Deno.execPath(), args);
  assertEquals([code, stdout, stderr], [0, "0\n", ""]);
});
