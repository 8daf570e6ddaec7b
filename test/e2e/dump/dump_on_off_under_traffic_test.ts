/** `dump on` and `dump off` while connections exchange data. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { assertSameBytes } from "../../helpers/bytes.ts";
import { assertPart, EchoTalk } from "../../helpers/dump/echo_talk.ts";
import { readConversations } from "../../helpers/dump/pcapng_conversations.ts";
import { echo, named } from "../../helpers/net/backends.ts";
import { ask, canBindSource, type Client, connect, readText } from "../../helpers/net/client.ts";
import { command, type ControlSession, controlSession } from "../../helpers/net/control_socket.ts";
import { startControlled } from "../../helpers/program/start_controlled.ts";
import { skip, t, until } from "../../helpers/t.ts";
import { tempDir } from "../../helpers/temp_dir.ts";

/** The number of the connection on which a client has sent this many bytes. */
async function idOf(session: ControlSession, sent: number): Promise<number> {
  return await until(async () => {
    const conns: { id: number; sent: number }[] = JSON.parse(
      await command(session, "conns --json"),
    );
    return conns.find((conn) => conn.sent === sent)?.id;
  }, { what: `a connection that has sent ${sent} bytes` });
}

for (const workers of [1, 4]) {
  const argv = (...addresses: string[]) => ["-f", "--workers", `${workers}`, "PORT", ...addresses];
  const title = (name: string) => `${name} (${workers} worker${workers === 1 ? "" : "s"})`;

  t(title("dump on and dump off under traffic: open connections and new ones"), async () => {
    using dir = tempDir();
    const file = `${dir.path}/on.pcapng`;
    await using server = echo();
    await using balance = await startControlled(argv(server.address));
    using session = await controlSession(balance.socket);
    assertEquals(await command(session, "dump"), "dump off\n");
    await using early = await EchoTalk.start(balance.port, { seed: 1 });
    await early.more(20);
    assertEquals(await command(session, `dump on ${file}`), `dump on: pcapng to ${file}\n`);
    await using late = await EchoTalk.start(balance.port, { seed: 2 });
    await Promise.all([early.more(20), late.more(20)]);
    const status = await command(session, "dump");
    assertMatch(
      status,
      /^dump on: pcapng to \S+\n {2}since {3}\S+Z\n {2}written \d+ chunks, \d+ bytes\n {2}dropped 0\n$/,
    );
    await late.stop();
    // Both ends of the connection are in the dump by then.
    await until(async () => JSON.parse(await command(session, "conns --json")).length === 1);
    assertEquals(await command(session, "dump off"), "dump off\n");
    const size = Deno.statSync(file).size;
    await early.more(20);
    assertEquals(Deno.statSync(file).size, size);
    await early.stop();

    const found = readConversations(Deno.readFileSync(file));
    assertEquals(found.length, 2);
    assertPart(found.find(({ fins }) => fins === 0)!, early);
    const whole = found.find(({ fins }) => fins === 2)!;
    assertSameBytes(whole.sent, late.sentIn(late.rounds));
    assertSameBytes(whole.rcvd, late.sentIn(late.rounds));
    const again = await session.ask("dump off");
    assertEquals([again.text, again.failed], ["dump is already off\n", true]);
    await balance.stop();
  });

  t(title("dump on conn ID: only that connection"), async () => {
    using dir = tempDir();
    await using server = echo();
    await using balance = await startControlled(argv(server.address));
    using session = await controlSession(balance.socket);
    const clients: Client[] = [];
    try {
      for (let i = 1; i <= 5; i++) {
        const client = await connect(balance.port);
        clients.push(client);
        await client.send("x".repeat(i));
        await readText(client, i);
      }
      const id = await idOf(session, 3);
      const file = `${dir.path}/one.json`;
      assertEquals(
        await command(session, `dump on json ${file} conn ${id}`),
        `dump on: json to ${file}, connection ${id}\n`,
      );
      await Promise.all(clients.map(async (client, i) => {
        await client.send(`client ${i}`);
        assertEquals(await readText(client, 8), `client ${i}`);
      }));
      await using late = await connect(balance.port);
      await late.send("late");
      assertEquals(await readText(late, 4), "late");
      await command(session, "dump off");
      const lines = Deno.readTextFileSync(file).trimEnd().split("\n").map((line) =>
        JSON.parse(line)
      );
      assertEquals(
        lines.map(({ type, connection, text }) => [type, connection, text]),
        [
          ["event", id, undefined],
          ["connected", id, undefined],
          ["data", id, "client 2"],
          ["data", id, "client 2"],
        ],
      );
      assertMatch(lines[0].message, /^dump started \d+\.\d+ s after the connection, after 3 bytes/);
    } finally {
      for (const client of clients) await client.close();
    }
    await balance.stop();
  });

  t(title("dump on channel G.N: connections of that channel, open ones included"), async () => {
    using dir = tempDir();
    const file = `${dir.path}/channel.json`;
    await using first = named("B0");
    await using second = named("B1");
    await using balance = await startControlled(argv(first.address, second.address));
    using session = await controlSession(balance.socket);
    await using zero = await connect(balance.port);
    assertEquals(await readText(zero, 3), "B0\n");
    await using one = await connect(balance.port);
    assertEquals(await readText(one, 3), "B1\n");
    await command(session, `dump on ${file} channel 0.1`);
    for (const client of [zero, one]) {
      await client.send("old");
      await readText(client, 3);
    }
    for (let i = 0; i < 4; i++) assertEquals(await ask(balance.port), `B${i % 2}`);
    await command(session, "dump off");
    // Lines of different workers may be in any order; each connection is in order.
    const lines = Deno.readTextFileSync(file).trimEnd().split("\n").map((line) => JSON.parse(line))
      .sort((a, b) => a.connection - b.connection);
    const texts = lines.filter(({ type }) => type === "data").map(({ text }) => text);
    assertEquals(texts, ["old", "old", "B1\n", "B1\n"]);
    assertEquals(lines.filter(({ type }) => type === "open").length, 2);
    await zero.close();
    await one.close();
    await balance.stop();
  });

  t(title("frequent changes of the dump do not affect connections"), async () => {
    using dir = tempDir();
    await using server = echo();
    await using balance = await startControlled(argv(server.address));
    using session = await controlSession(balance.socket);
    const talks: EchoTalk[] = [];
    try {
      for (let seed = 1; seed <= 4; seed++) {
        talks.push(await EchoTalk.start(balance.port, { seed }));
      }
      const names = ["a.json", "b.pcapng", "c.hex", "d.txt", "%n.json"];
      for (let i = 0; i < 15; i++) {
        await command(session, `dump on ${dir.path}/${i}${names[i % names.length]}`);
        await talks[0]!.more(2);
        if (i % 4 === 3) await command(session, "dump off");
      }
      // The previous content of the same file is kept.
      const first = Deno.readTextFileSync(`${dir.path}/0a.json`);
      await command(session, `dump on ${dir.path}/0a.json`);
      await talks[0]!.more(2);
      await command(session, "dump off");
      assert(Deno.readTextFileSync(`${dir.path}/0a.json`).startsWith(first));
      await Promise.all(talks.map((talk) => talk.stop()));
    } finally {
      for (const talk of talks) await talk[Symbol.asyncDispose]();
    }
    await balance.stop();
    const found = Array.from(Deno.readDirSync(dir.path), ({ name }) => name);
    assert(!found.includes("0a.json.1"), found.join(" "));
    for (const name of found) {
      const path = `${dir.path}/${name}`;
      if (name.includes("json")) {
        Deno.readTextFileSync(path).trimEnd().split("\n").forEach((line) => JSON.parse(line));
      } else if (name.includes("pcapng")) {
        for (const conversation of readConversations(Deno.readFileSync(path))) {
          const { comments, sent, rcvd } = conversation;
          if (sent.length === 0 || rcvd.length === 0) continue;
          assert(comments.some((comment) => comment.startsWith("dump started")));
          assertEquals(conversation.missing, 0);
        }
      }
    }
  });
}

if (!await canBindSource()) {
  skip("dump on client CIDR", "this version of Deno ignores a source address");
} else {
  t("dump on client CIDR: only the clients in that range", async () => {
    using dir = tempDir();
    const file = `${dir.path}/client.pcapng`;
    await using server = echo();
    await using balance = await startControlled(["-f", "PORT", server.address]);
    using session = await controlSession(balance.socket);
    const talks: EchoTalk[] = [];
    try {
      for (const last of [2, 3, 4]) {
        talks.push(await EchoTalk.start(balance.port, { seed: last, from: `127.0.0.${last}` }));
      }
      await command(session, `dump on ${file} client 127.0.0.3/32`);
      await Promise.all(talks.map((talk) => talk.more(10)));
      await command(session, "dump off");
      await Promise.all(talks.map((talk) => talk.stop()));
    } finally {
      for (const talk of talks) await talk[Symbol.asyncDispose]();
    }
    const [only, ...others] = readConversations(Deno.readFileSync(file));
    assertEquals(others, []);
    assertMatch(only!.client, /^127\.0\.0\.3:/);
    assertPart(only!, talks[1]!);
  });
}
