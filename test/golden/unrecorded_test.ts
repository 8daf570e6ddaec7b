/**
 * Deviations from 3.35 that no record shows and no other test asserts. The numbers are those of
 * COMPATIBILITY in balance(1).
 */

import { assertEquals, assertMatch } from "@std/assert";
import { COMMANDS } from "../../lib/control/commands/commands.ts";
import { readCommand } from "../../lib/control/commands/command.ts";
import { backend, blackHole, named } from "../helpers/net/backends.ts";
import { ask, connect, readLine, readToEnd, sequence } from "../helpers/net/client.ts";
import { controlSession } from "../helpers/net/control_socket.ts";
import { runBalance } from "../helpers/program/start_balance.ts";
import { startControlled } from "../helpers/program/start_controlled.ts";
import { t } from "../helpers/t.ts";

/** A port on which another program listens. */
function usedPort() {
  const listener = Deno.listen({ hostname: "0.0.0.0", port: 0 });
  return { port: listener.addr.port, [Symbol.dispose]: () => listener.close() };
}

/** What a command line that is wrong prints, and its exit code. */
async function failure(argv: readonly string[], port?: number): Promise<[string, number]> {
  const { code, stderr } = await runBalance(argv, port === undefined ? {} : { port });
  return [stderr, code];
}

t("44: SIGPIPE is ignored, SIGALRM ends balance and its connections", async () => {
  await using server = named("B0");
  await using balance = await startControlled(["-f", "PORT", server.address], {
    expectStderr: "any",
  });
  await using client = await connect(balance.port);
  assertEquals(await readLine(client), "B0");
  balance.kill("SIGPIPE");
  {
    // Answered after the signal was delivered.
    using session = await controlSession(balance.socket);
    assertMatch((await session.ask("conns")).text, / 0\.0 .* open +127\.0\.0\.1:\d+\n$/);
  }
  balance.kill("SIGALRM");
  assertEquals((await balance.ended).signal, "SIGALRM");
  await readToEnd(client);
});

t("46: a blank after an address is an error", async () => {
  for (const argv of [["PORT", "127.0.0.1 :80"], ["-b", "127.0.0.1 ", "PORT"]]) {
    assertEquals(await failure(["-f", ...argv]), [
      "unknown or invalid address [127.0.0.1 ]: a host cannot contain spaces\n",
      65,
    ]);
  }
});

t("47: seconds above 2147483647 are read as 2147483647, with a warning", async () => {
  const argv = ["-f", "-t", "4294967297", "-T", "2147483648", "PORT", "127.0.0.1:9"];
  await using balance = await startControlled(argv, { expectStderr: "any" });
  const { code, stderr } = await balance.stop();
  assertEquals(stderr.split("\n"), [
    "balance: warning: -t [4294967297] is read as 2147483647 seconds",
    "balance: warning: -T [2147483648] is read as 2147483647 seconds",
    "",
  ]);
  assertEquals(code, 0);
});

t("48: options, then -B, then the port, then the form of all channels, then hosts", async () => {
  using used = usedPort();
  const cases: readonly [argv: string[], line: string, code: number, port?: number][] = [
    [["-T", "0", "-x", "PORT"], "balance: invalid option -- 'x' (try balance --help)", 64],
    [
      ["-B", "no..such", "PORT", "no..host"],
      "unknown or invalid address [no..such]",
      65,
      used.port,
    ],
    [
      ["PORT", "no..such", "127.0.0.1:80:x"],
      "invalid maxc [x] in channel [127.0.0.1:80:x]: " +
      "not a number from -2147483648 to 2147483647, exiting.",
      64,
    ],
    [["PORT", "no..such", "!", "!", "127.0.0.1"], "balance: no channels in group", 69],
  ];
  for (const [argv, line, code, port] of cases) {
    assertEquals(await failure(["-f", ...argv], port), [`${line}\n`, code]);
  }
});

t("49: create accepts IPv6 addresses with and without brackets", async () => {
  await using balance = await startControlled(["-f", "PORT", "127.0.0.1:9"]);
  using session = await controlSession(balance.socket);
  for (const command of ["create ::1 80", "create [::1] 80", "create [::1]:80 90"]) {
    assertEquals((await session.ask(command)).text, "channel created\n");
  }
  const rows = (await session.ask("show")).text.split("\n").slice(2, -1);
  assertEquals(rows.map((row) => row.trim().split(/ +/).slice(4, 6)), Array(3).fill(["::1", "80"]));
});

t("50: abbreviations of commands that 3.35 did not have select them", () => {
  const first = COMMANDS.findIndex(({ name }) => name === "assign");
  const found: Record<string, string> = {};
  for (const { name } of COMMANDS.slice(first)) {
    for (let length = 1; length < name.length; length++) {
      const word = name.slice(0, length);
      const selected = readCommand(COMMANDS, word)?.command?.name;
      if (COMMANDS.findIndex((one) => one.name === selected) >= first) found[word] ??= name;
    }
  }
  const shortest = Object.entries(found).filter(([word]) => !(word.slice(0, -1) in found));
  assertEquals(Object.fromEntries(shortest), {
    a: "assign",
    rem: "remove",
    co: "conns",
    cl: "close",
    t: "top",
    du: "dump",
    ex: "exit",
    w: "weight",
    sc: "schedule",
    ch: "check",
    dr: "drain",
    u: "undrain",
    sa: "save",
    f: "forget",
    hea: "health",
    i: "instances",
    rel: "reload",
    de: "deny",
    p: "per-client",
  });
});

t("50: no abbreviation of a command of 3.35 selects a newer one", () => {
  const first = COMMANDS.findIndex(({ name }) => name === "assign");
  const old = COMMANDS.slice(0, first);
  for (const { name } of old) {
    for (let length = 1; length <= name.length; length++) {
      const word = name.slice(0, length), before = readCommand(old, word)?.command?.name;
      if (before === undefined) continue;
      assertEquals(readCommand(COMMANDS, word)?.command?.name, before, word);
    }
  }
});

t(
  "52: after a connect timeout, a channel is not used for ten seconds, unless --passive off",
  async () => {
    await using hole = await blackHole();
    await using server = named("B1");
    const attempts = async (...options: string[]): Promise<string[]> => {
      const argv = ["-f", "-t", "1", ...options, "PORT", hole.address, server.address];
      await using balance = await startControlled(argv, { expectStderr: "any" });
      assertEquals(await sequence(balance.port, 6), Array(6).fill("B1"));
      using session = await controlSession(balance.socket);
      const rows = (await session.ask("show")).text.trimEnd().split("\n").slice(-2);
      return rows.map((row) => row.trim().split(/ +/)[7] ?? "");
    };
    // Attempts to connect to each channel so far.
    assertEquals(await attempts(), ["1", "6"]);
    assertEquals(await attempts("--passive", "off"), ["6", "6"]);
  },
);

t("53: a client takes the place of a connection that has just ended", async () => {
  const names = new TextEncoder();
  await using server = backend(async (conn, index) => {
    await conn.write(names.encode(`B${index}\n`));
    if (index !== 2) await conn.read(new Uint8Array(1));
  });
  // Workers do not know what the others have yet to count out.
  const argv = ["-f", "--workers", "1", "PORT", `${server.address}:3`];
  await using balance = await startControlled(argv);
  await using held = new AsyncDisposableStack();
  for (const name of ["B0", "B1"]) {
    assertEquals(await readLine(held.use(await connect(balance.port))), name);
  }
  {
    await using ended = await connect(balance.port);
    assertEquals(await readLine(ended), "B2");
    await readToEnd(ended);
  }
  assertEquals(await readLine(held.use(await connect(balance.port))), "B3");
  // There is still a limit.
  assertEquals(await ask(balance.port), "EOF");
});
