/** What operators change during a takeover: it goes over, or is refused; nothing is lost. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { named } from "../../helpers/net/backends.ts";
import { connect, readText } from "../../helpers/net/client.ts";
import { command, controlSession, talk } from "../../helpers/net/control_socket.ts";
import { freePort } from "../../helpers/net/ports.ts";
import { startBackground } from "../../helpers/program/start_background.ts";
import { runDirectory } from "../../helpers/run_directory.ts";
import { successorSession } from "../../helpers/takeover/successor_session.ts";
import { t, until } from "../../helpers/t.ts";

/** The answer to a change while a successor takes over. */
const IN_PROGRESS = "a takeover is in progress, try again\n";

t(
  "once a successor knows the state, commands that change it are refused until its end",
  async () => {
    await using backend = named("B0");
    await using balance = await startBackground(["--max-channels", "4", "PORT", backend.address]);
    const { socket } = balance;
    const successor = await successorSession(socket);
    await successor.send(".takeover");
    assertEquals((await successor.line()).type, "begun");
    assertEquals(await talk(socket, "maxc 0 7\n"), "maxc of channel 0 changed to 7\n");
    await successor.send(JSON.stringify({ type: "listen" }));
    const { type, operator } = await successor.line();
    assertEquals([type, operator.groups[0].channels[0].maxc], ["steered", 7]);
    for (
      const line of [
        ...["disable 0", "enable 0", "maxc 0 8", "weight 0 3", "check 0 tcp", "remove 0"],
        ...["create 127.0.0.1 9", "assign 0 127.0.0.1 9", "hash", "rr", "schedule least"],
        ...["drain 0", "undrain 0", "forget"],
      ]
    ) assertEquals(await talk(socket, `${line}\n`), IN_PROGRESS, line);
    using session = await controlSession(socket);
    assertEquals((await session.ask("disable 0")).failed, true);
    for (const line of ["show", "conns", "checks", "group 0", "reset 0", "health", "version"]) {
      assertEquals((await session.ask(line)).failed, false, line);
    }
    successor[Symbol.dispose]();
    await until(async () =>
      await talk(socket, "maxc 0 8\n") === "maxc of channel 0 changed to 8\n"
    );
  },
);

t("what an operator changes all the time during a takeover is in force after it", async () => {
  await using backend = named("B0");
  using directory = runDirectory();
  const at = { port: freePort(), rundir: directory.path };
  await using old = await startBackground(["PORT", backend.address], at);
  let running = true, accepted = 0, refused = 0;
  const lost: string[] = [];
  const changing = (async () => {
    for (let maxc = 1; running; maxc++) {
      const answer = await talk(old.socket, `maxc 0 ${maxc}\n`);
      if (answer === IN_PROGRESS) refused++;
      else if (answer === `maxc of channel 0 changed to ${maxc}\n`) accepted = maxc;
      const [channel] = JSON.parse(await talk(old.socket, "show --json\n"));
      if (channel.maxc !== accepted) lost.push(`${accepted}: ${channel.maxc}`);
    }
  })();
  await until(() => accepted > 3);
  await using _next = await startBackground(["--takeover", "PORT", backend.address], at);
  const before = accepted;
  await until(() => accepted > before + 3 || lost.length > 0);
  running = false;
  await changing;
  assertEquals(lost, []);
  assert(refused > 0);
});

t(
  "after a takeover, the old program shows and closes what it has, and changes nothing",
  async () => {
    await using backend = named("B0");
    using directory = runDirectory();
    const at = { port: freePort(), rundir: directory.path };
    const argv = ["PORT", backend.address, backend.address];
    await using old = await startBackground(argv, at);
    await using clients = new AsyncDisposableStack();
    for (let i = 0; i < 3; i++) {
      const client = clients.use(await connect(at.port));
      assertEquals(await readText(client, 3), "B0\n");
    }
    using session = await controlSession(old.socket);
    await using next = await startBackground(["--takeover", ...argv], at);
    const gone = `process ${next.pid} has taken over, and this one gets no new connections\n`;
    await until(async () => (await session.ask("enable 0")).text === gone);
    for (const line of ["disable 0", "maxc 0 1", "undrain 0", "forget"]) {
      assertEquals(await session.ask(line).then(({ text, failed }) => [text, failed]), [
        gone,
        true,
      ]);
    }
    assertMatch(await command(session, "show"), /ENA/);
    // Two connections on channel 0, and one on channel 1, which keeps the old program running.
    const [first] = JSON.parse(await command(session, "conns --json"));
    assertEquals(await command(session, `close ${first.id}`), `connection ${first.id} closed\n`);
    // The answer may come before the connection has ended in its worker.
    await until(async () => JSON.parse(await command(session, "show --json"))[0].c === 1);
    const drained = "channel 0.0 is drained, 1 connection closed at the deadline\n";
    const { text } = await session.ask("drain 0 0");
    assert(text.endsWith(drained), text);
    await clients.disposeAsync();
    await old.gone();
    assertMatch(await talk(next.socket, "show\n"), /ENA/);
  },
);
