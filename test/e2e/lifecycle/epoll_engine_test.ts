/** `--engine epoll`: start, errors and exit codes, background, and what control and signals do. */

import { assertEquals, assertMatch } from "@std/assert";
import { echo, named } from "../../helpers/net/backends.ts";
import { ask, connect, readText, refused } from "../../helpers/net/client.ts";
import { talk } from "../../helpers/net/control_socket.ts";
import { freePort } from "../../helpers/net/ports.ts";
import { pool } from "../../helpers/pool.ts";
import { sourceFlags } from "../../helpers/program/program.ts";
import { runBalance } from "../../helpers/program/start_balance.ts";
import { startControlled } from "../../helpers/program/start_controlled.ts";
import { runProgram } from "../../helpers/program/start_program.ts";
import { skip, t, until } from "../../helpers/t.ts";

const ROOT = new URL("../../../", import.meta.url).pathname;
const EPOLL = ["-f", "--engine", "epoll"];

function tests(): void {
  t("--engine epoll serves, and control names it", async () => {
    await using server = named("B0");
    for (const workers of ["1", "2"]) {
      const argv = [...EPOLL, "--workers", workers, "PORT", server.address];
      await using balance = await startControlled(argv);
      assertEquals(await ask(balance.port), "B0");
      assertMatch(await talk(balance.socket, "version\n"), /^ {2}ENGINE=epoll$/m);
      const [row] = JSON.parse(await talk(balance.socket, "show --json\n"));
      assertEquals([row.totalc, row.engine], [1, "epoll"]);
    }
  });

  t("a busy address is an error of the start, as with the other engine", async () => {
    await using server = named("B0");
    await using balance = await startControlled([...EPOLL, "PORT", server.address]);
    const { port } = balance;
    const { code, stdout, stderr } = await runBalance([...EPOLL, "PORT", server.address], { port });
    assertEquals([code, stdout], [69, ""]);
    assertMatch(stderr, /^balance: can't bind local address .*: address already in use\n$/);
  });

  t("without the permission for the C library, it does not start", async () => {
    const flags = sourceFlags({ cachedOnly: true }).filter((word) =>
      !word.startsWith("--allow-ffi")
    );
    const args = [...flags, `${ROOT}main.ts`, ...EPOLL, String(freePort()), "127.0.0.1:1"];
    const { code, stdout, stderr } = await runProgram(Deno.execPath(), args);
    assertEquals([code, stdout], [71, ""]);
    assertMatch(stderr, /^balance: .*\n$/);
  });

  t("conns and close see the connections of all its workers, also while they wait", async () => {
    await using server = echo();
    await using balance = await startControlled([
      ...[...EPOLL, "--workers", "3"],
      ...["PORT", server.address],
    ]);
    const clients = await Promise.all(Array.from({ length: 12 }, async () => {
      const client = await connect(balance.port);
      await client.send("hello");
      assertEquals(await readText(client, 5), "hello");
      return client;
    }));
    const found = JSON.parse(await talk(balance.socket, "conns --json\n"));
    assertEquals(found.length, 12);
    await talk(balance.socket, "close channel 0\n");
    await until(async () => JSON.parse(await talk(balance.socket, "conns --json\n")).length === 0);
    await Promise.all(clients.map((client) => client.close()));
  });

  t("SIGTERM lets open connections end, and a second one closes them", async () => {
    await using server = echo();
    for (const signals of [1, 2]) {
      await using balance = await startControlled([...EPOLL, "PORT", server.address]);
      await using client = await connect(balance.port);
      await client.send("hello");
      assertEquals(await readText(client, 5), "hello");
      balance.kill();
      await refused(balance.port);
      await client.send("again");
      assertEquals(await readText(client, 5), "again");
      if (signals === 1) await client.close();
      const { code } = await (signals === 1 ? balance.ended : balance.stop());
      assertEquals(code, signals === 1 ? 0 : 143);
    }
  });

  t("it ends with 0 as often as it is started, also while its loop waits", async () => {
    await using server = named("B0");
    await pool(Array.from({ length: 24 }), { limit: 3, name: () => "an end" }, async () => {
      await using balance = await startControlled([...EPOLL, "PORT", server.address]);
      for (let i = 0; i < 2; i++) assertEquals(await ask(balance.port), "B0");
      assertEquals((await balance.stop()).code, 0);
    });
  });

  t("no client in the backlog is reset by a graceful stop", async () => {
    await using server = named("B0");
    for (let round = 0; round < 5; round++) {
      await using balance = await startControlled([
        ...[...EPOLL, "--workers", "4"],
        ...["PORT", server.address],
      ]);
      const clients = await Promise.all(
        Array.from({ length: 200 }, () => connect(balance.port)),
      );
      balance.kill();
      const names = await Promise.all(clients.map((client) => readText(client, 3)));
      assertEquals(new Set(names), new Set(["B0\n"]));
      await Promise.all(clients.map((client) => client.close()));
      assertEquals((await balance.ended).code, 0);
    }
  });
}

if (Deno.build.os === "linux") tests();
else skip("--engine epoll", "it needs Linux");
