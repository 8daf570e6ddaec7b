/** Long lists, and many denied clients. */

import { assert, assertEquals } from "@std/assert";
import { served } from "../../helpers/edge/visit.ts";
import { closing, named } from "../../helpers/net/backends.ts";
import { canBindSource } from "../../helpers/net/client.ts";
import { talk } from "../../helpers/net/control_socket.ts";
import { storm } from "../../helpers/net/storm.ts";
import { waitForLines } from "../../helpers/log/log_file.ts";
import { cpuSeconds } from "../../helpers/program/process.ts";
import { type Controlled, startControlled } from "../../helpers/program/start_controlled.ts";
import { skip, t } from "../../helpers/t.ts";
import { tempDir } from "../../helpers/temp_dir.ts";

const COUNT = 2000;

/** CPU time of the program for clients that leave at once, in milliseconds for each. */
async function cost({ port, pid }: Controlled): Promise<number> {
  // The first ones compile the code.
  await storm(port, { count: COUNT / 2, lanes: 10 }).done;
  const before = cpuSeconds(pid);
  await storm(port, { count: COUNT, lanes: 10 }).done;
  return (cpuSeconds(pid) - before) * 1000 / COUNT;
}

t(
  "a denied client costs less CPU time than one that is served, and a storm two lines",
  async () => {
    using dir = tempDir();
    const log = `${dir.path}/log`;
    await using backend = closing();
    const argv = ["-f", "PORT", backend.address];
    let servedMs: number;
    {
      await using balance = await startControlled(argv);
      servedMs = await cost(balance);
    }
    await using balance = await startControlled(["--deny", "127.0.0.1", "--log", log, ...argv], {
      expectStderr: /^client 127\.0\.0\.1 was refused: the access lists deny it\n$/,
    });
    const deniedMs = await cost(balance);
    assert(
      deniedMs < servedMs,
      `${deniedMs} ms for a denied client, ${servedMs} ms for a served one`,
    );
    assertEquals((await waitForLines(log, 1)).length, 1);
    const { refused } = JSON.parse(await talk(balance.socket, "access --json\n"));
    assertEquals(refused.denied, 1.5 * COUNT);
  },
);

if (!await canBindSource()) {
  skip("long access lists", "clients cannot have the address 127.0.0.2 here");
} else {
  t(
    "many denied clients have a line each in the log; messages name ten and count others",
    async () => {
      using dir = tempDir();
      const log = `${dir.path}/log`, count = 25;
      await using balance = await startControlled(
        ["-f", "--deny", "127.0.9.0/24", "--log", log, "PORT", "127.0.0.1:9"],
        {
          expectStderr:
            /^(client 127\.0\.9\.\d+ was refused: .*\n){10}(\d+ more clients? \w+ refused\n)+$/,
        },
      );
      const clients = Array.from({ length: count }, (_, i) => `127.0.9.${i + 1}`);
      for (const round of [1, 2]) {
        assertEquals(await served(balance.port, clients), [], `round ${round}`);
      }
      const lines = await waitForLines(log, count);
      const found = lines.map((line) => / client=([\d.]+):\d+ .* reason=denied /.exec(line)?.[1]);
      assertEquals(found.toSorted(), clients.toSorted());
      // What was counted is printed at the end.
      await balance.stop();
    },
  );

  t("100,000 ranges are loaded in less than a second, and changed at run time", async () => {
    using dir = tempDir();
    const list = `${dir.path}/list`, short = `${dir.path}/short`;
    const ranges = Array.from(
      { length: 100_000 },
      (_, i) =>
        i % 4 === 0
          ? `2001:db8:${(i >> 2).toString(16)}::/48`
          : `10.${i >> 8 & 255}.${i & 255}.${i >> 16}`,
    );
    Deno.writeTextFileSync(list, `${ranges.join("\n")}\n127.0.0.2\n`);
    Deno.writeTextFileSync(short, "127.0.0.2\n");
    await using backend = named("B0");
    const cpu: number[] = [];
    for (const file of [short, list]) {
      const argv = ["-f", "--deny", `@${file}`, "PORT", backend.address];
      await using balance = await startControlled(argv, { expectStderr: "any" });
      // Other programs of this machine do not count.
      cpu.push(cpuSeconds(balance.pid));
      assertEquals(await served(balance.port, ["127.0.0.1", "127.0.0.2"]), ["127.0.0.1"]);
      const before = cpuSeconds(balance.pid);
      await talk(balance.socket, "access remove 127.0.0.2\n");
      const changedMs = (cpuSeconds(balance.pid) - before) * 1000;
      assertEquals(await served(balance.port, ["127.0.0.2"]), ["127.0.0.2"]);
      assert(changedMs < 1000, `a change takes ${changedMs} ms`);
      await balance.stop();
    }
    const loadedMs = (cpu[1]! - cpu[0]!) * 1000;
    assert(loadedMs < 1000, `loaded in ${loadedMs} ms`);
  });
}
