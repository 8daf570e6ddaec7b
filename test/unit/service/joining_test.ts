/** What a successor concludes from the end of its predecessor. */

import { assertEquals } from "@std/assert";
import type { ControlListener } from "../../../lib/control/control_listener.ts";
import { openCLibrary } from "../../../lib/native/c_library.ts";
import { Joining, type JoiningParts } from "../../../lib/service/joining.ts";
import type { DataPlane } from "../../../lib/workers/data_plane.ts";
import { skip, t } from "../../helpers/t.ts";

if (Deno.build.os === "linux") openCLibrary();

const HOST = "127.0.0.1";

interface End {
  readonly sockets: number;
  /** What it reports; `undefined` if it was killed. */
  readonly left: number | undefined;
  readonly expected: number | undefined;
}

const ENDS: Readonly<Record<string, End>> = {
  "closed its sockets": { sockets: 2, left: 2, expected: 2 },
  "was killed and had one socket": { sockets: 1, left: undefined, expected: 1 },
  "was killed and had two": { sockets: 2, left: undefined, expected: undefined },
};

for (const [what, { sockets, left, expected }] of Object.entries(ENDS)) {
  const name = `the order of sockets after a predecessor that ${what}`;
  if (Deno.build.os !== "linux") {
    skip(name, "only Linux numbers sockets");
    continue;
  }
  t(name, async () => {
    const listen = (port: number) => Deno.listen({ hostname: HOST, port, reusePort: true });
    const first = listen(0), { port } = first.addr as Deno.NetAddr;
    const theirs = [first, ...Array.from({ length: sockets - 1 }, () => listen(port))];
    const predecessor = {
      steer: () => Promise.resolve({ sockets, operator: undefined, groups: [] }),
      commit: () => Promise.resolve(),
      serving: () => Promise.resolve(true),
      left() {
        for (const one of theirs) one.close();
        return Promise.resolve(left);
      },
    };
    const joining = new Joining({
      predecessor,
      at: { address: HOST, port },
      metrics: undefined,
      by: { engine: "streams", workers: 2 },
      table: { size: { groups: 0 } },
      state: { apply: () => {}, begin: () => Promise.resolve() },
    } as unknown as JoiningParts);
    await joining.open();
    using _one = listen(port), _two = listen(port);
    let found: number | undefined;
    await joining.commit({ othersLeft: (count: number) => found = count } as unknown as DataPlane);
    const control = { succeed: () => Promise.resolve() } as unknown as ControlListener;
    await joining.serving(control, { pidFile: undefined }, () => {});
    await joining.left;
    assertEquals(found, expected);
  });
}
