import { assert, assertEquals } from "@std/assert";
import { startBackend } from "../../helpers/check/backend_process.ts";
import { answering } from "../../helpers/check/probing.ts";
import { backend, canReset, closing, named, resetting } from "../../helpers/net/backends.ts";
import { distribution, readText, readToEnd } from "../../helpers/net/client.ts";
import { connect } from "../../helpers/net/client.ts";
import { showRows, talk } from "../../helpers/net/control_socket.ts";
import { waitForLines } from "../../helpers/log/log_file.ts";
import { type Controlled, startControlled } from "../../helpers/program/start_controlled.ts";
import { t, until } from "../../helpers/t.ts";
import { tempDir } from "../../helpers/temp_dir.ts";

const OK = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

/** Starts a balance whose checks are frequent. */
async function startChecking(...argv: string[]): Promise<Controlled> {
  return await startControlled(["-f", "--interval", "0.1", ...argv], { expectStderr: "any" });
}

/** The column S of `show`. */
async function states(balance: Controlled): Promise<string> {
  return (await showRows(balance.socket)).map(({ state }) => state).join(" ");
}

/** Waits until all channels are in these states. */
async function waitForStates(balance: Controlled, expected: string): Promise<void> {
  let found = "";
  await until(async () => (found = await states(balance)) === expected, {
    timeoutMs: 20_000,
    everyMs: 50,
    what: () => `${expected} instead of ${found}; stderr: ${balance.stderr}`,
  });
}

/** Waits until the checks of this many channels have passed. */
async function waitForUp(balance: Controlled, count: number): Promise<void> {
  await until(
    async () => (await talk(balance.socket, "checks\n")).match(/ up /g)?.length === count,
    {
      timeoutMs: 20_000,
      what: () => `${count} channels to be up; stderr: ${balance.stderr}`,
    },
  );
}

/** What was printed, ports left out. */
function lines({ stderr }: Controlled): string[] {
  return stderr.trimEnd().split("\n").map((line) => line.replace(/ 127\.0\.0\.1:\d+/, ""));
}

/** Waits until these lines are the last ones that were printed. */
async function printed(balance: Controlled, last: readonly string[]): Promise<void> {
  await until(() => lines(balance).slice(-last.length).join("\n") === last.join("\n"), {
    what: () => `${last.join("\n")} at the end of ${balance.stderr}`,
  });
}

t("a backend that is killed gets no clients until it has returned", async () => {
  await using first = await startBackend("B0\n");
  await using other = named("B1");
  await using balance = await startChecking("--check", "tcp", "PORT", first.address, other.address);
  await waitForStates(balance, "ENA ENA");
  assertEquals(await distribution(balance.port, 4), "B0: 2, B1: 2");
  await first.kill();
  await waitForStates(balance, "DWN ENA");
  const [before] = await showRows(balance.socket);
  assertEquals(await distribution(balance.port, 4), "B1: 4");
  assertEquals((await showRows(balance.socket))[0]?.totalc, before?.totalc);
  await using _back = await startBackend("B0\n", { port: first.port });
  await waitForStates(balance, "ENA ENA");
  assertEquals(await distribution(balance.port, 4), "B0: 2, B1: 2");
  await printed(balance, [
    "channel 0.0 is down: connection refused (3 of 3 checks)",
    "channel 0.0 is up: connected (2 of 2 checks)",
  ]);
  assertEquals(lines(balance).length, 2);
});

t(
  "a backend that is stopped still accepts: tcp passes, http fails until it continues",
  async () => {
    await using server = await startBackend(OK);
    const argv = [`${server.address},check=tcp`, `${server.address},check=http:/`];
    await using balance = await startChecking("--check-timeout", "1", "PORT", ...argv);
    await waitForUp(balance, 2);
    server.signal("SIGSTOP");
    await waitForStates(balance, "ENA DWN");
    server.signal("SIGCONT");
    await waitForStates(balance, "ENA ENA");
    // A new process may be too slow for its first checks, which prints two more lines.
    await printed(balance, [
      "channel 0.1 is down: timeout after 1 s without an answer (3 of 3 checks)",
      "channel 0.1 is up: HTTP 200 (2 of 2 checks)",
    ]);
  },
);

t("a disabled channel is checked, so that its health is known when it is enabled", async () => {
  await using first = await startBackend("B0\n");
  await using balance = await startChecking("--check", "tcp", "PORT", first.address);
  await talk(balance.socket, "disable 0\n");
  await first.kill();
  await balance.waitForStderr(/is down/);
  assertEquals(await states(balance), "dis");
  await talk(balance.socket, "enable 0\n");
  assertEquals(await states(balance), "DWN");
});

t("a flapping backend: one line per change, and none while results alternate", async () => {
  await using alternating = backend(async (conn, index) => {
    await conn.read(new Uint8Array(1000));
    await conn.write(new TextEncoder().encode(index % 2 === 0 ? OK : OK.replace("200", "503")));
  });
  await using port = closing();
  await using server = named("B1");
  await using balance = await startChecking(
    ...["PORT", `${alternating.address},check=http:/`],
    `${server.address},check=tcp,check-port=${port.port}`,
  );
  // The first probe of a channel would decide at once.
  await waitForUp(balance, 2);
  let current = port;
  const expected: string[] = [];
  const becomes = async (line: string) => {
    expected.push(line);
    await until(() => lines(balance).length === expected.length && balance.stderr !== "", {
      timeoutMs: 20_000,
      what: () => `${line}; stderr: ${balance.stderr}`,
    });
  };
  for (let round = 0; round < 3; round++) {
    await current.stop();
    await becomes("channel 0.1 is down: connection refused (3 of 3 checks)");
    current = closing({ port: port.port });
    await becomes("channel 0.1 is up: connected (2 of 2 checks)");
  }
  await current.stop();
  assert(alternating.accepted > 10, `${alternating.accepted} probes`);
  // The last stop may have been noticed by now.
  assertEquals(lines(balance).slice(0, expected.length), expected);
});

t("all channels are down once the operator disables the last one that is up", async () => {
  await using dead = closing();
  await using other = named("B1");
  await using balance = await startChecking("--check", "tcp", "PORT", dead.address, other.address);
  await dead.stop();
  await waitForStates(balance, "DWN ENA");
  await talk(balance.socket, "disable 1\n");
  await talk(balance.socket, "enable 1\n");
  await balance.waitForStderr(/available again/);
  assertEquals(lines(balance).slice(1), ["all channels are down", "a channel is available again"]);
  assertEquals(await distribution(balance.port, 2), "B1: 2");
});

t("--on-down close ends the connections of a channel that goes down, keep does not", async () => {
  for (const onDown of ["close", "keep"]) {
    await using checked = closing();
    await using server = named("B0");
    using dir = tempDir();
    const log = `${dir.path}/log`;
    await using balance = await startChecking(
      ...["--check", "tcp", "--on-down", onDown, "--log", log, "PORT"],
      `${server.address},check-port=${checked.port}`,
    );
    await using client = await connect(balance.port);
    assertEquals(await readText(client, 3), "B0\n");
    await checked.stop();
    await balance.waitForStderr(/is down/);
    if (onDown === "close") {
      await readToEnd(client);
      assert((await waitForLines(log, 1))[0]?.includes("backend_down"));
    } else {
      await client.send("still here");
      assertEquals(await readText(client, 10), "still here");
    }
  }
});

t("--slow-start: a channel that has come up gets few clients at first", async () => {
  await using first = await startBackend("B0\n");
  await using other = named("B1");
  const argv = ["--check", "tcp", "--slow-start", "600", "PORT", first.address, other.address];
  await using balance = await startChecking(...argv);
  await waitForStates(balance, "ENA ENA");
  await first.kill();
  await waitForStates(balance, "DWN ENA");
  await using _back = await startBackend("B0\n", { port: first.port });
  await waitForStates(balance, "ENA ENA");
  // A tenth of the weight: one of eleven clients.
  const [, count] = /^B0: (\d+), /.exec(await distribution(balance.port, 55)) ?? [];
  assert(Number(count) >= 4 && Number(count) <= 12, `${count} of 55 clients`);
});

t("hostile check targets are down, cost little, and do not delay other checks", async () => {
  await using garbage = answering("\u00ff\u0000\u001b[2J garbage\r\n\r\n", { hangUp: true });
  await using endless = backend(async (conn) => {
    const chunk = new Uint8Array(65536).fill(65);
    for (;;) await conn.write(chunk);
  });
  await using trickle = backend(async (conn) => {
    for (const byte of new TextEncoder().encode(OK)) {
      await conn.write(Uint8Array.of(byte));
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
  });
  await using silent = backend(async (conn) => {
    while (await conn.read(new Uint8Array(1000)) !== null);
  });
  await using last = canReset ? await resetting("connect") : closing();
  await using good = answering(OK, { after: "\r\n\r\n", hangUp: true });
  const servers = [garbage, endless, trickle, silent, last, good];
  const argv = ["--check", "http:/", "--check-timeout", "1", "PORT"];
  await using balance = await startChecking(...argv, ...servers.map(({ address }) => address));
  await waitForStates(balance, "DWN DWN DWN DWN DWN ENA");
  const before = balance.rss(), descriptors = balance.fds(), probes = good.accepted;
  await until(() => good.accepted > probes + 20, { timeoutMs: 20_000, what: "20 good probes" });
  assert(balance.rss() - before < 32 * 2 ** 20, `${balance.rss() - before} bytes more`);
  // One descriptor for each probe.
  const limit = descriptors + servers.length;
  assert(balance.fds() <= limit, `${balance.fds()} descriptors, ${descriptors} before`);
  // deno-lint-ignore no-control-regex
  assert(!/[\u0000-\u0009\u000b-\u001f]/.test(balance.stderr), balance.stderr);
  assertEquals(await states(balance), "DWN DWN DWN DWN DWN ENA");
});
