/** Every reason why a connection ends, as the access log reports it. */

import { assert, assertEquals } from "@std/assert";
import { waitForLines } from "../../helpers/log/log_file.ts";
import {
  blackHole,
  canReset,
  closing,
  echo,
  named,
  refusing,
  resetting,
} from "../../helpers/net/backends.ts";
import { connect, readLine, readText, readToEnd } from "../../helpers/net/client.ts";
import { controlSession } from "../../helpers/net/control_socket.ts";
import type { StartOptions } from "../../helpers/program/start_balance.ts";
import { type Controlled, startControlled } from "../../helpers/program/start_controlled.ts";
import { skip, t } from "../../helpers/t.ts";
import { tempDir } from "../../helpers/temp_dir.ts";

/** A line of the access log. */
interface LogLine {
  readonly time: string;
  readonly type: "start" | "end";
  readonly id: number;
  readonly client: string;
  readonly listener: string;
  readonly channel?: string;
  readonly backend?: string;
  readonly by?: string;
  readonly reason?: string;
  readonly attempts?: number;
  readonly failed?: readonly string[];
  readonly connect_ms?: number;
  readonly duration_ms?: number;
  readonly sent?: number;
  readonly rcvd?: number;
}

/** A balance with an access log in JSON. */
interface Logging extends Controlled {
  /** Waits for this many lines. @throws {AssertionError} If there are more. */
  log(count: number): Promise<LogLine[]>;
}

async function startLogging(argv: readonly string[], options: StartOptions = {}): Promise<Logging> {
  const dir = tempDir();
  const path = `${dir.path}/conn.log`;
  // The log is opened before the control socket answers.
  const balance = await startControlled(
    ["-f", "--log", path, "--log-format", "json", ...argv],
    options,
  );
  const stop = balance[Symbol.asyncDispose];
  return Object.defineProperties(balance, {
    log: {
      async value(count: number): Promise<LogLine[]> {
        const lines = await waitForLines(path, count);
        assertEquals(lines.length, count);
        return lines.map((line) => JSON.parse(line));
      },
    },
    [Symbol.asyncDispose]: {
      async value() {
        await stop();
        dir[Symbol.dispose]();
      },
    },
  }) as Logging;
}

/** Who ended the connection, why, and its counters. */
function outcome({ by, reason, channel, attempts, sent, rcvd }: LogLine): unknown[] {
  return [by, reason, channel, attempts, sent, rcvd];
}

t("client_closed: the client half-closes first", async () => {
  await using server = echo();
  await using balance = await startLogging(["--log-start", "PORT", server.address]);
  await using client = await connect(balance.port);
  await client.send("hello");
  assertEquals(await readText(client, 5), "hello");
  await client.closeWrite();
  await readToEnd(client);
  const [start, end] = await balance.log(2);
  assert(start !== undefined && end !== undefined);
  assertEquals([start.type, start.id, start.listener], ["start", 1, `127.0.0.1:${balance.port}`]);
  assertEquals(Object.keys(start), ["time", "type", "id", "client", "listener"]);
  assertEquals([end.type, end.id, end.client], ["end", 1, start.client]);
  assertEquals(outcome(end), ["client", "client_closed", "0.0", 1, 5, 5]);
  assertEquals(end.backend, server.address);
  assertEquals(end.failed, undefined);
  assert(end.connect_ms !== undefined && end.connect_ms > 0 && end.connect_ms < 5000);
  assert(end.duration_ms !== undefined && end.duration_ms >= 0 && end.duration_ms < 5000);
  assert(new Date(start.time) <= new Date(end.time), `${start.time} ${end.time}`);
});

t("backend_closed: the backend closes first", async () => {
  await using server = closing();
  await using balance = await startLogging(["PORT", server.address]);
  await using client = await connect(balance.port);
  await readToEnd(client);
  await client.close();
  const [end] = await balance.log(1);
  assertEquals(end && outcome(end), ["backend", "backend_closed", "0.0", 1, 0, 0]);
  // It listens on all addresses, and the connection is closed by now.
  assertEquals(end?.listener, `127.0.0.1:${balance.port}`);
});

if (canReset) {
  t("client_reset: the client resets the connection", async () => {
    await using server = named("B0");
    await using balance = await startLogging(["PORT", server.address]);
    await using client = await connect(balance.port, { viaNode: true });
    assertEquals(await readLine(client), "B0");
    await client.reset();
    const [end] = await balance.log(1);
    assertEquals(end && outcome(end), ["client", "client_reset", "0.0", 1, 0, 3]);
  });

  t("backend_reset: the backend resets the connection", async () => {
    await using server = await resetting("data", { greeting: "hi" });
    await using balance = await startLogging(["PORT", server.address]);
    await using client = await connect(balance.port);
    assertEquals(await readText(client, 2), "hi");
    await client.send("x");
    await readToEnd(client);
    const [end] = await balance.log(1);
    assertEquals(end && outcome(end), ["backend", "backend_reset", "0.0", 1, 1, 2]);
  });
} else {
  for (const reason of ["client_reset", "backend_reset"]) {
    skip(reason, "this version of Deno cannot reset connections");
  }
}

t("client_left: the client closes during a connect to a backend", async () => {
  await using hole = await blackHole();
  await using balance = await startLogging(["-t", "60", "PORT", hole.address]);
  await using client = await connect(balance.port);
  await client.close();
  const [end] = await balance.log(1);
  assertEquals(end && outcome(end), ["client", "client_left", "0.0", 1, 0, 0]);
  assertEquals([end?.failed, end?.connect_ms], [["0.0:cancelled"], undefined]);
});

t(
  "connect_failed: no channel can be connected; every attempt is logged with its reason",
  async () => {
    await using first = refusing();
    await using hole = await blackHole();
    await using last = refusing();
    const argv = ["-t", "1", "PORT", first.address, hole.address, "!", last.address];
    await using balance = await startLogging(argv);
    await using client = await connect(balance.port);
    await readToEnd(client);
    const [end] = await balance.log(1);
    assertEquals(end && outcome(end), ["balance", "connect_failed", "1.0", 3, 0, 0]);
    assertEquals(end?.failed, ["0.0:refused", "0.1:timeout", "1.0:refused"]);
    assertEquals([end?.backend, end?.connect_ms], [last.address, undefined]);
  },
);

t("a failover is logged in the line of the connection", async () => {
  await using dead = refusing();
  await using server = echo();
  await using balance = await startLogging(["PORT", dead.address, "!", server.address]);
  await using client = await connect(balance.port);
  await client.send("x");
  assertEquals(await readText(client, 1), "x");
  await client.close();
  const [end] = await balance.log(1);
  assertEquals(end && outcome(end), ["client", "client_closed", "1.0", 2, 1, 1]);
  assertEquals(end?.failed, ["0.0:refused"]);
});

t("nothing_available: every channel is disabled", async () => {
  await using server = echo();
  await using balance = await startLogging(["PORT", server.address]);
  using control = await controlSession(balance.socket);
  await control.ask("disable 0");
  await using client = await connect(balance.port);
  await readToEnd(client);
  const [end] = await balance.log(1);
  assertEquals(end && outcome(end), ["balance", "nothing_available", undefined, 0, 0, 0]);
  assertEquals([end?.backend, end?.failed], [undefined, undefined]);
});

t("idle_limit: no data for the time of -T", async () => {
  await using server = named("B0");
  await using balance = await startLogging(["-T", "1", "PORT", server.address], {
    expectStderr: /^connection from \S+ to channel 0\.0 timed out after 1 seconds\n$/,
  });
  await using client = await connect(balance.port);
  await readToEnd(client);
  const [end] = await balance.log(1);
  assertEquals(end && outcome(end), ["balance", "idle_limit", "0.0", 1, 0, 3]);
  assert(end?.duration_ms !== undefined && end.duration_ms >= 900, `${end?.duration_ms}`);
});

t("closed_by_control: the command close", async () => {
  await using server = named("B0");
  await using balance = await startLogging(["PORT", server.address]);
  await using client = await connect(balance.port);
  assertEquals(await readLine(client), "B0");
  using control = await controlSession(balance.socket);
  assertEquals((await control.ask("close 1")).text, "connection 1 closed\n");
  await readToEnd(client);
  const [end] = await balance.log(1);
  assertEquals(end && outcome(end), ["admin", "closed_by_control", "0.0", 1, 0, 3]);
});

t("drained: the deadline of the command drain", async () => {
  await using server = named("B0");
  await using balance = await startLogging(["PORT", server.address]);
  await using client = await connect(balance.port);
  assertEquals(await readLine(client), "B0");
  using control = await controlSession(balance.socket);
  const end = "channel 0.0 is drained, 1 connection closed at the deadline\n";
  assertEquals((await control.ask("drain 0 0")).text.split("\n").slice(1).join("\n"), end);
  await readToEnd(client);
  const [line] = await balance.log(1);
  assertEquals(line && outcome(line), ["admin", "drained", "0.0", 1, 0, 3]);
});

t("shutdown: the --grace time is over", async () => {
  await using server = named("B0");
  await using balance = await startLogging(["--grace", "0", "PORT", server.address]);
  await using client = await connect(balance.port);
  assertEquals(await readLine(client), "B0");
  const { code } = await balance.stop();
  assertEquals(code, 143);
  const [end] = await balance.log(1);
  assertEquals(end && outcome(end), ["admin", "shutdown", "0.0", 1, 0, 3]);
});
