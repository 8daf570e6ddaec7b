/** Connects of a separate process: the permission to call the C library is revoked after that. */

import { assertEquals } from "@std/assert";
import { blackHole, hasIpv6, named, refusing } from "../../helpers/net/backends.ts";
import { dialing } from "../../helpers/net/tcp_sockets.ts";
import { sourceFlags } from "../../helpers/program/program.ts";
import { runProgram } from "../../helpers/program/start_program.ts";
import { skip, t, until } from "../../helpers/t.ts";
import { tempDir } from "../../helpers/temp_dir.ts";

const ROOT = new URL("../../../", import.meta.url).pathname;

/** Runs a script with `opens(host, port, signal?)`. @returns What it has returned. */
async function run(script: string): Promise<unknown> {
  using dir = tempDir();
  const path = `${dir.path}/connects.ts`;
  Deno.writeTextFileSync(
    path,
    `import { openCLibrary } from "${ROOT}lib/native/c_library.ts";
     import { parseIp } from "${ROOT}lib/address/ip.ts";
     import { socketName } from "${ROOT}lib/socket/addresses.ts";
     import { opensConnection } from "${ROOT}lib/socket/connects.ts";
     const c = openCLibrary()!;
     const never = new AbortController().signal;
     const opens = (host, port, limits = {}) => opensConnection(
       socketName(parseIp(host), port),
       { timeoutMs: 30_000, signal: never, ...limits },
     );
     function openDescriptors() {
       let open = 0;
       for (let fd = 0; fd < 1024; fd++) if (c.fcntl(fd, 1, 0) >= 0) open++;
       return open;
     }
     const before = openDescriptors();
     const result = await (async () => { ${script} })();
     console.log(JSON.stringify({ result, left: openDescriptors() - before }));`,
  );
  const args = [...sourceFlags({ cachedOnly: true }), "--no-check", path];
  const { code, stdout, stderr } = await runProgram(Deno.execPath(), args);
  assertEquals([code, stderr], [0, ""]);
  const { result, left } = JSON.parse(stdout);
  assertEquals(left, 0, "descriptors are left");
  return result;
}

t("opensConnection() finds out whether something listens, for many at once", async () => {
  await using server = named("B0");
  await using dead = refusing();
  const found = await run(`
    const targets = Array.from({ length: 200 }, (_, i) => i % 2 ? ${server.port} : ${dead.port});
    const opened = await Promise.all(targets.map((port) => opens("127.0.0.1", port)));
    return opened.every((one, i) => one === (i % 2 ? "opened" : "failed"));
  `);
  assertEquals(found, true);
  await until(() => server.accepted === 100 && server.open === 0, { what: "100 connections" });
});

t("opensConnection() ends without an answer at its timeout, or when it is canceled", async () => {
  await using hole = await blackHole();
  await using server = named("B0");
  const found = await run(`
    const end = new AbortController(), { signal } = end;
    const canceled = opens("127.0.0.1", ${hole.port}, { signal });
    const late = opens("127.0.0.1", ${hole.port}, { timeoutMs: 100 });
    const others = [];
    for (let i = 0; i < 20; i++) others.push(await opens("127.0.0.1", ${server.port}));
    const started = performance.now(), ends = [await late];
    end.abort();
    ends.push(await canceled, await opens("127.0.0.1", ${hole.port}, { signal }));
    return [ends, performance.now() - started < 10_000, others.every((one) => one === "opened")];
  `);
  assertEquals(found, [["timeout", "canceled", "canceled"], true, true]);
  await until(() => dialing(hole.port) === 0, { what: "the sockets to be closed" });
});

t("opensConnection() fails if there is no way to the address", async () => {
  // The system refuses a TCP connection to all hosts at once.
  assertEquals(await run(`return await opens("255.255.255.255", 80);`), "failed");
});

if (hasIpv6) {
  t("opensConnection() connects over IPv6", async () => {
    await using server = named("B0", { hostname: "::1" });
    assertEquals(await run(`return await opens("::1", ${server.port});`), "opened");
  });
} else skip("opensConnection() connects over IPv6", "there is no IPv6 on loopback");
