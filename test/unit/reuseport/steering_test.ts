/** Steering in a process of its own: the permission to call the C library is given up in others. */

import { assertEquals } from "@std/assert";
import { hasIpv6 } from "../../helpers/net/backends.ts";
import { sourceFlags } from "../../helpers/program/program.ts";
import { runProgram } from "../../helpers/program/start_program.ts";
import { skip, t } from "../../helpers/t.ts";
import { tempDir } from "../../helpers/temp_dir.ts";

const ROOT = new URL("../../../", import.meta.url).pathname;

const SCRIPT = `
  import { openCLibrary } from "${ROOT}lib/native/c_library.ts";
  import { steeringAt } from "${ROOT}lib/reuseport/steering.ts";
  openCLibrary();
  const hostname = Deno.args[0], to = hostname.includes(":") ? "::1" : "127.0.0.1";
  const first = Deno.listen({ hostname, port: 0 }), { port } = first.addr;
  const steering = steeringAt({ address: hostname, port });
  const refused = () => {
    try {
      Deno.listen({ hostname, port, reusePort: true }).close();
      return false;
    } catch {
      return true;
    }
  };
  const isExclusive = refused();
  steering.allowSharing();
  const alone = steering.steer(0);
  const listeners = [first];
  for (let i = 0; i < 2; i++) listeners.push(Deno.listen({ hostname, port, reusePort: true }));
  const counts = [steering.own(), steering.all()];
  const numbers = listeners.map(() => 0);
  function accept() {
    for (const [index, listener] of listeners.entries()) {
      (async () => {
        for await (const conn of listener) numbers[index]++, conn.close();
      })().catch(() => {});
    }
  }
  async function accepted() {
    numbers.fill(0);
    const conns = [];
    for (let i = 0; i < 40; i++) conns.push(await Deno.connect({ hostname: to, port }));
    for (const conn of conns) await conn.read(new Uint8Array(1)).catch(() => {}), conn.close();
    return [...numbers];
  }
  const waiting = await Deno.connect({ hostname: to, port });
  const queued = steering.queued();
  accept();
  await waiting.read(new Uint8Array(1));
  waiting.close();
  const before = await accepted();
  steering.steer(2);
  const after = await accepted();
  console.log(JSON.stringify({ isExclusive, alone, counts, queued, before, after }));
  Deno.exit(0);
`;

for (const address of ["127.0.0.1", "0.0.0.0", "::1", "::"]) {
  const name = `new connections to ${address} are steered to the socket that is named`;
  if (address.includes(":") && !hasIpv6) skip(name, "no IPv6");
  else t(name, () => steersAt(address));
}

async function steersAt(address: string): Promise<void> {
  using dir = tempDir();
  const path = `${dir.path}/probe.js`;
  Deno.writeTextFileSync(path, SCRIPT);
  const { code, stdout, stderr } = await runProgram(Deno.execPath(), [
    ...sourceFlags(),
    path,
    address,
  ]);
  assertEquals([code, stderr], [0, ""]);
  const { isExclusive, alone, counts, queued, before, after } = JSON.parse(stdout);
  assertEquals({ isExclusive, alone, counts, queued }, {
    isExclusive: true,
    alone: true,
    counts: [3, 3],
    queued: 1,
  });
  assertEquals(before, [40, 0, 0]);
  assertEquals(after, [0, 0, 40]);
}
