/** Ranges of clients mean the same in `conns client`, `dump on client` and `--dump-client`. */

import { assertEquals } from "@std/assert";
import { CIDR_CASES, INVALID_CIDRS } from "../../helpers/cidr_cases.ts";
import { echo, hasIpv6 } from "../../helpers/net/backends.ts";
import { canBindSource, type Client, connect, readText } from "../../helpers/net/client.ts";
import { controlSession } from "../../helpers/net/control_socket.ts";
import { pool } from "../../helpers/pool.ts";
import { runBalance } from "../../helpers/program/start_balance.ts";
import { startControlled } from "../../helpers/program/start_controlled.ts";
import { skip, t } from "../../helpers/t.ts";
import { tempDir } from "../../helpers/temp_dir.ts";

/** Addresses of this machine that a client can have. */
const LOCAL = ["127.0.0.1", "127.0.0.2", "::1"];

/** Ranges with cases for all of {@linkcode LOCAL}, and the addresses in them, sorted. */
const RANGES = [...Map.groupBy(CIDR_CASES, ({ range }) => range)]
  .map(([range, cases]) => ({
    range,
    known: cases.filter(({ address }) => LOCAL.includes(address)),
  }))
  .filter(({ known }) => known.length === LOCAL.length)
  .map(({ range, known }) => ({
    range,
    inside: known.filter(({ isIn }) => isIn).map(({ address }) => address).sort(),
  }));

/** Opens a connection from each of {@linkcode LOCAL} to an IPv6 listener, and uses it once. */
async function localClients(port: number): Promise<AsyncDisposableStack> {
  const stack = new AsyncDisposableStack();
  for (const address of LOCAL) {
    const client: Client = stack.use(
      await connect(port, address === "::1" ? { hostname: address } : { from: address }),
    );
    await client.send("x");
    await readText(client, 1);
  }
  return stack;
}

/** The clients in a JSON dump, sorted. */
function clientsOf(file: string): string[] {
  const lines = Deno.readTextFileSync(file).split("\n").filter((line) => line !== "");
  const clients = lines.map((line) => JSON.parse(line).client as string);
  return [...new Set(clients.map((client) => client.replace(/^\[?(.*?)\]?:\d+$/, "$1")))].sort();
}

if (!hasIpv6 || !await canBindSource()) {
  skip("ranges of clients", "clients cannot have the addresses ::1 and 127.0.0.2 here");
} else {
  t("conns client and dump on client select the same clients", async () => {
    assertEquals(RANGES.length, 10);
    using dir = tempDir();
    await using server = echo();
    await using balance = await startControlled(["-f", "-6", "PORT", server.address], {
      address: "::",
    });
    using session = await controlSession(balance.socket);
    await using _clients = await localClients(balance.port);
    for (const [i, { range, inside }] of RANGES.entries()) {
      const conns: { client: { address: string } }[] = JSON.parse(
        (await session.ask(`conns client ${range} --json`)).text,
      );
      assertEquals(conns.map(({ client }) => client.address).sort(), inside, `conns ${range}`);
      const file = `${dir.path}/${i}.json`;
      assertEquals((await session.ask(`dump on ${file} client ${range}`)).failed, false);
      await session.ask("dump off");
      assertEquals(clientsOf(file), inside, `dump on ${range}`);
    }
  });

  t("--dump-client selects the same clients", async () => {
    using dir = tempDir();
    await using server = echo();
    await pool(RANGES, { limit: 3, name: ({ range }) => range }, async ({ range, inside }) => {
      const file = `${dir.path}/${RANGES.findIndex((each) => each.range === range)}.json`;
      const options = ["-f", "-6", "--dump-file", file, "--dump-client", range];
      await using balance = await startControlled([...options, "PORT", server.address], {
        address: "::",
      });
      await (await localClients(balance.port)).disposeAsync();
      await balance.stop();
      assertEquals(clientsOf(file), inside);
    });
  });
}

t("an invalid range is refused with the same reason everywhere", async () => {
  await using server = echo();
  await using balance = await startControlled(["-f", "PORT", server.address]);
  using session = await controlSession(balance.socket);
  for (const { range, reason } of INVALID_CIDRS) {
    // A command is split at blanks.
    if (range === "" || range.includes(" ")) continue;
    for (const command of ["conns client", "dump on /nowhere/x client"]) {
      const { text, failed } = await session.ask(`${command} ${range}`);
      assertEquals([text, failed], [`invalid range [${range}]: ${reason}\n`, true], command);
    }
  }
  const name = ({ range }: { range: string }) => `[${range}]`;
  await pool(INVALID_CIDRS, { limit: 3, name }, async ({ range, reason }) => {
    const { code, stderr } = await runBalance([
      ...["-f", "-p", `--dump-client=${range}`, "PORT", server.address],
    ]);
    assertEquals([code, stderr], [64, `balance: invalid range [${range}]: ${reason}\n`]);
  });
});
