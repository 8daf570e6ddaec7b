/** What balance sends to the system log, received by the test and by rsyslog if installed. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { scrape, value } from "../../helpers/metrics/start_with_metrics.ts";
import { named, refusing } from "../../helpers/net/backends.ts";
import { ask } from "../../helpers/net/client.ts";
import { talk } from "../../helpers/net/control_socket.ts";
import { freePort } from "../../helpers/net/ports.ts";
import { syslogReceiver, syslogStreamReceiver } from "../../helpers/net/syslog_receiver.ts";
import { type Background, startBackground } from "../../helpers/program/start_background.ts";
import { runBalance } from "../../helpers/program/start_balance.ts";
import { startProgram } from "../../helpers/program/start_program.ts";
import { skip, t, tool, until, within } from "../../helpers/t.ts";
import { exists, tempDir } from "../../helpers/temp_dir.ts";

const FORMAT = /^<(\d+)>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d balance\[(\d+)\]: (.*)$/;

/** The texts of messages; asserts their format, priority and pid. */
function texts(messages: readonly string[], { pid }: Background, priority: number): string[] {
  return messages.map((message) => {
    const [, found, of, text] = FORMAT.exec(message) ?? [];
    assertEquals([Number(found), Number(of)], [priority, pid], message);
    return text ?? "";
  });
}

t("-a logs its two lines once per disabled channel", async () => {
  await using server = named("B0");
  await using dead = refusing();
  await using log = syslogReceiver();
  await using balance = await startBackground(["-a", "PORT", dead.address, server.address], {
    env: { BALANCE_SYSLOG: log.path },
  });
  for (let i = 0; i < 3; i++) assertEquals(await ask(balance.port), "B0");
  await talk(balance.socket, "enable 0\n");
  assertEquals(await ask(balance.port), "B0");
  assertEquals(await ask(balance.port), "B0");
  const lines = [
    "connection failed group 0 channel 0",
    `${dead.address} needs to be enabled manually using balance -i after the problem is solved`,
  ];
  assertEquals(texts(await log.waitFor(4), balance, 29), [...lines, ...lines]);
});

t("-d logs its lines in order, from the start on, with priority debug", async () => {
  await using server = named("B0");
  await using log = syslogReceiver();
  await using balance = await startBackground(["-d", "PORT", server.address], {
    env: { BALANCE_SYSLOG: log.path },
  });
  assertEquals(await ask(balance.port), "B0");
  await until(() => log.messages.some((message) => message.includes("successful")));
  const [first = "", second, ...rest] = texts(log.messages, balance, 31);
  assertEquals([first, second], [`using port ${balance.port}`, "bound to address 0.0.0.0"]);
  assertEquals(rest.slice(-2), [
    "connect from 127.0.0.1",
    "connect to group 0 channel 0 successful",
  ]);
});

t("an error at start is logged and printed by the parent", async () => {
  await using log = syslogReceiver();
  const env = { BALANCE_SYSLOG: log.path };
  const { code, stderr } = await runBalance(["PORT", "127.0.0.1:1:x"], { env });
  assertEquals(code, 64);
  const [message = ""] = await log.waitFor(1);
  assertEquals(`${FORMAT.exec(message)?.[3]}\n`, stderr);
  assertMatch(stderr, /^invalid maxc \[x\] in channel \[127\.0\.0\.1:1:x\]/);
});

t("without a system log, everything else works", async () => {
  await using dead = refusing();
  await using balance = await startBackground(["-a", "-d", "PORT", dead.address], {
    env: { BALANCE_SYSLOG: "/nonexistent/log" },
  });
  await ask(balance.port);
  await until(async () => / dis /.test(await talk(balance.socket, "show\n")));
  balance.kill("SIGTERM");
  await balance.gone();
});

t("the foreground logs nothing to the system log", async () => {
  await using log = syslogReceiver();
  const env = { BALANCE_SYSLOG: log.path };
  assertEquals((await runBalance(["-f", "PORT", "no..such"], { env })).code, 65);
  assertEquals(log.messages, []);
});

t("a restarted system log is found again", async () => {
  await using dead = refusing();
  const first = syslogReceiver();
  await using balance = await startBackground(["-d", "PORT", dead.address], {
    env: { BALANCE_SYSLOG: first.path },
  });
  await first.waitFor(3);
  await first[Symbol.asyncDispose]();
  await ask(balance.port);
  const folder = first.path.replace(/\/log$/, "");
  Deno.mkdirSync(folder);
  const socket = Deno.listenDatagram({ transport: "unixpacket", path: first.path });
  await ask(balance.port);
  const [bytes] = await within(socket.receive(new Uint8Array(4096)), {
    timeoutMs: 10_000,
    what: "a message",
    onTimeout: () => socket.close(),
  });
  assertMatch(new TextDecoder().decode(bytes), FORMAT);
  socket.close();
  Deno.removeSync(folder, { recursive: true });
});

t("a system log on a stream socket gets the same messages, each ended by NUL", async () => {
  await using server = named("B0");
  await using log = syslogStreamReceiver();
  await using balance = await startBackground(["-d", "PORT", server.address], {
    env: { BALANCE_SYSLOG: log.path },
  });
  assertEquals(await ask(balance.port), "B0");
  await until(() => log.messages.some((message) => message.includes("successful")));
  const lines = texts(log.messages, balance, 31);
  assertEquals(lines.slice(0, 2), [`using port ${balance.port}`, "bound to address 0.0.0.0"]);
  assertEquals(lines.at(-1), "connect to group 0 channel 0 successful");
});

t(
  "a restarted system log may change between stream and datagrams; lost messages are counted",
  async () => {
    await using dead = refusing();
    const first = syslogStreamReceiver();
    const metrics = freePort();
    const argv = ["-d", "--metrics", String(metrics), "PORT", dead.address];
    await using balance = await startBackground(argv, { env: { BALANCE_SYSLOG: first.path } });
    await first.waitFor(3);
    await first[Symbol.asyncDispose]();
    await ask(balance.port);
    // Its messages are sent after the client is served: wait until they are lost.
    const lost = async () => value(await scrape(metrics), "balance_messages_dropped_total") ?? 0;
    await until(async () => await lost() > 0, { what: "a lost message" });
    const path = first.path.replace(/\/log$/, "");
    Deno.mkdirSync(path);
    using _folder = { [Symbol.dispose]: () => Deno.removeSync(path, { recursive: true }) };
    const datagrams = Deno.listenDatagram({ transport: "unixpacket", path: first.path });
    await ask(balance.port);
    for (let text = ""; !/\]: \d+ messages? to the system log dropped$/.test(text);) {
      const [bytes] = await within(datagrams.receive(new Uint8Array(4096)), {
        timeoutMs: 10_000,
        what: "the number of lost messages",
        onTimeout: () => datagrams.close(),
      });
      text = new TextDecoder().decode(bytes);
      assertMatch(text, FORMAT);
    }
    datagrams.close();
    Deno.removeSync(first.path);
    await using third = syslogStreamReceiver(first.path);
    await ask(balance.port);
    await third.waitFor(2);
    for (const message of third.messages) assertMatch(message, FORMAT);
  },
);

t("a stream without a reader delays neither service nor shutdown", async () => {
  await using dead = refusing();
  using place = tempDir();
  const path = `${place.path}/log`;
  // It accepts nothing and reads nothing.
  using _listener = Deno.listen({ transport: "unix", path });
  await using balance = await startBackground(["-d", "PORT", dead.address], {
    env: { BALANCE_SYSLOG: path },
  });
  for (let i = 0; i < 1000; i++) await ask(balance.port);
  assertMatch(await talk(balance.socket, "show\n"), /^GRP /);
  balance.kill("SIGTERM");
  await balance.gone();
});

t("messages have the local time of the C library, which supports every form of TZ", async () => {
  await using log = syslogReceiver();
  const before = Date.now();
  // A form that JavaScript does not know: 9 hours ahead of UTC, in summer, too.
  await using balance = await startBackground(["-d", "PORT", "127.0.0.1:9"], {
    env: { BALANCE_SYSLOG: log.path, TZ: "XYZ-9ZYX-9,M3.5.0,M10.5.0/3" },
  });
  const [message = ""] = await log.waitFor(1);
  const hours = [before, Date.now()].map((time) => new Date(time + 9 * 3_600_000).getUTCHours());
  const hour = Number(/ (\d\d):\d\d:\d\d balance/.exec(message)?.[1]);
  assert(hours.includes(hour), `${message}: not in hour ${hours} of process ${balance.pid}`);
});

const rsyslogd = tool("rsyslogd");
if (rsyslogd === undefined) {
  skip("rsyslog understands the messages of balance", "rsyslogd is not installed");
} else {
  t("rsyslog understands the messages of balance", async () => {
    using dir = tempDir();
    const [socket, output, config] = ["log", "out", "conf"].map((name) => `${dir.path}/${name}`);
    Deno.writeTextFileSync(
      config!,
      `global(workDirectory="${dir.path}")
module(load="imuxsock" SysSock.Use="off")
input(type="imuxsock" Socket="${socket}" UsePIDFromSystem="off" RateLimit.Interval="0")
template(name="parts" type="string" string=` +
        `"%syslogfacility-text%.%syslogseverity-text% %programname% %procid%%msg%\\n")
action(type="omfile" file="${output}" template="parts" asyncWriting="off")
`,
    );
    {
      await using _rsyslog = await startProgram(rsyslogd, {
        args: ["-n", "-f", config!, "-i", `${dir.path}/pid`],
        ready: () => exists(socket!),
      });
      await using dead = refusing();
      await using balance = await startBackground(["-a", "-d", "PORT", dead.address], {
        env: { BALANCE_SYSLOG: socket! },
      });
      await ask(balance.port);
      const wanted = `daemon.notice balance ${balance.pid} connection failed group 0 channel 0\n`;
      await until(() => exists(output!) && Deno.readTextFileSync(output!).includes(wanted), {
        what: () => `${wanted} in ${exists(output!) ? Deno.readTextFileSync(output!) : "nothing"}`,
      });
      const lines = Deno.readTextFileSync(output!).trimEnd().split("\n");
      const own = new RegExp(`^daemon\\.(notice|debug) balance ${balance.pid} .`);
      for (const line of lines) assertMatch(line, own);
      assertEquals(lines[0], `daemon.debug balance ${balance.pid} using port ${balance.port}`);
    }
  });
}
