/** Background mode and signals: the records of 3.35, and the designed deviations. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { designedControl } from "./control_deviations.ts";
import { backend, named, refusing } from "../helpers/net/backends.ts";
import { ask, type Client, connect, readText, readToEnd } from "../helpers/net/client.ts";
import { answers, socketPath, talk } from "../helpers/net/control_socket.ts";
import { writeAll } from "../../lib/base/bytes.ts";
import { loadGolden } from "../helpers/golden/golden.ts";
import { runBalance, startBalance } from "../helpers/program/start_balance.ts";
import { type BackgroundOptions, startBackground } from "../helpers/program/start_background.ts";
import { startControlled } from "../helpers/program/start_controlled.ts";
import { syslogReceiver } from "../helpers/net/syslog_receiver.ts";
import { t, until } from "../helpers/t.ts";
import { freePort } from "../helpers/net/ports.ts";
import { listensOn } from "../helpers/net/tcp_sockets.ts";
import { isAlive, jobOf } from "../helpers/program/process.ts";
import { program } from "../helpers/program/program.ts";
import { startTmux } from "../helpers/program/start_tmux.ts";
import { tempDir } from "../helpers/temp_dir.ts";

/** The fields of all records; each record has only some. */
interface BackgroundRecord {
  name: string;
  parent_exit_code?: number;
  parent_seconds_below?: number;
  parent_stdout?: string;
  parent_stderr?: string;
  stdout?: string;
  stderr?: string;
  child_cwd?: string;
  child_fds?: Record<string, string>;
  child_is_process_group_leader?: boolean;
  child_is_session_leader?: boolean;
  child_session_is_the_starters_session?: boolean;
  umask?: string;
  rendezvous?: [name: string, mode: string, size: number][];
  fds?: Record<string, string>;
  kill_stdout?: string;
  kill_exit?: number;
  echo?: string;
  echo_after_kill?: string;
  new_connection?: string;
  connection_process_alive?: boolean;
  started?: boolean;
  rows?: [c: number, totalc: number][];
  master_alive?: boolean;
  rendezvous_left?: boolean;
  returncode?: number;
  after_usr1_and_chld?: string;
  after_hup?: number;
  names?: [argv: string[], names: string[]][];
  chosen?: string;
  syslog?: string[];
  client_received?: string | null;
  backend_received?: string[];
  second_run_client_got?: string;
  first?: string;
  show?: string;
  before?: string;
  reset?: string;
  after?: string;
  show_before?: string;
  show_after?: string;
  show_after_exit?: number;
  next_client?: string;
  mode?: string;
  file_mode_with_umask_022?: string;
}

const records = designedControl("background", loadGolden<BackgroundRecord>("background"));
const played = new Set<string>();

/** Registers a test of one or more records. */
function record(
  names: string[],
  what: string,
  fn: (...records: BackgroundRecord[]) => Promise<void>,
): void {
  const found = names.map((name) => {
    played.add(name);
    const one = records.find((record) => record.name === name);
    assert(one, `no record ${name}`);
    return one;
  });
  t(`${what} (${names.join(", ")})`, () => fn(...found));
}

/** The targets of the file descriptors that a record names. */
function descriptors(pid: number, wanted: Record<string, string> = {}): Record<string, string> {
  return Object.fromEntries(
    Object.keys(wanted).map((fd) => [fd, Deno.readLinkSync(`/proc/${pid}/fd/${fd}`)]),
  );
}

const namesIn = (folder: string): string[] => [...Deno.readDirSync(folder)].map(({ name }) => name);

/** A table with the backend port replaced by that of the record. */
const tableOf = (text: string, port: number): string => text.replaceAll(String(port), "21001");

/** A connection that has sent 6 bytes and received 9, including the backend's name. */
async function opened(port: number): Promise<Client> {
  const client = await connect(port);
  await client.send("hello\n");
  assertEquals(await readText(client, 9), "B0\nhello\n");
  return client;
}

async function echoes(client: Client, text: string): Promise<string> {
  await client.send(text);
  return await readText(client, text.length);
}

/** Current and total connections of each channel. */
async function rowsOf({ socket }: { socket: string }): Promise<[number, number][]> {
  const lines = (await talk(socket, "show\n")).trim().split("\n").slice(1);
  return lines.map((line) => {
    const columns = line.trim().split(/\s+/);
    return [Number(columns[6]), Number(columns[7])];
  });
}

/**
 * The least time that a parent takes to return, and that a start in the foreground takes with as
 * many workers, measured in turns: a busy machine delays both, but not every time.
 */
async function fastestStart(address: string): Promise<{ parentMs: number; startMs: number }> {
  let parentMs = Infinity, startMs = Infinity;
  for (let i = 0; i < 5; i++) {
    const began = performance.now();
    {
      await using _foreground = await startBalance(["-f", "PORT", address]);
      startMs = Math.min(startMs, performance.now() - began);
    }
    await using balance = await startBackground(["PORT", address]);
    parentMs = Math.min(parentMs, balance.parent.ms);
  }
  return { parentMs, startMs };
}

record(["background_basic"], "the parent returns and the child runs detached", async (record) => {
  await using server = named("B0");
  const below = (record.parent_seconds_below ?? 0) * 1000;
  const { parentMs, startMs } = await fastestStart(server.address);
  assert(parentMs < Math.max(below, 2.5 * startMs), `${parentMs} ms, foreground ${startMs} ms`);
  await using balance = await startBackground(["PORT", server.address]);
  const { parent, pid, port, rundir } = balance;
  assertEquals([parent.code, parent.stdout, parent.stderr], [
    record.parent_exit_code,
    record.stdout,
    record.stderr,
  ]);
  assertEquals(Deno.readLinkSync(`/proc/${pid}/cwd`), record.child_cwd);
  assertEquals(descriptors(pid, record.child_fds), record.child_fds);
  const job = jobOf(pid);
  assertEquals(job.group === pid, record.child_is_process_group_leader);
  assertEquals(job.session === pid, record.child_is_session_leader);
  assertEquals(
    job.session === jobOf("self").session,
    record.child_session_is_the_starters_session,
  );
  // Unchanged; that of the record was 0022.
  const umask = (of: number | "self") =>
    /^Umask:\s+(\d+)$/m.exec(Deno.readTextFileSync(`/proc/${of}/status`))?.[1];
  assertEquals(umask(pid), umask("self"));
  const left = [...Deno.readDirSync(rundir)].map(({ name }) => {
    const { mode, size } = Deno.lstatSync(`${rundir}/${name}`);
    return [name.replace(String(port), "21002"), `0o${((mode ?? 0) & 0o7777).toString(8)}`, size];
  });
  assertEquals(left, record.rendezvous);
});

record(
  ["background_connection_process_fds"],
  "a connection does not change the standard descriptors",
  async (record) => {
    await using server = named("B0");
    await using balance = await startBackground(["PORT", server.address]);
    await using _client = await opened(balance.port);
    assertEquals(descriptors(balance.pid, record.fds), record.fds);
  },
);

record(
  [
    "kill_with_open_connection",
    "restart_while_old_connection_open",
    "restart_old_connection_closed",
  ],
  "kill keeps an open connection, and another balance can start at once",
  async (killed, restarted, closed) => {
    await using server = named("B0");
    await using old = await startBackground(["PORT", server.address]);
    const { port, rundir } = old;
    const client = await opened(port);
    const { code, stdout } = await runBalance(["-c", "kill", "PORT"], { port, rundir });
    assertEquals([stdout, code], [killed.kill_stdout, killed.kill_exit]);
    assertEquals(await echoes(client, "still\n"), killed.echo_after_kill);
    assertEquals(killed.new_connection, "ConnectionRefusedError");
    await assertRejects(() => connect(port), Deno.errors.ConnectionRefused);
    assertEquals(old.alive(), killed.connection_process_alive);

    await using next = await startBackground(["PORT", server.address], { port, rundir });
    assertEquals([true, next.parent.stderr], [restarted.started, restarted.stderr]);
    assertEquals(await rowsOf(next), restarted.rows);
    assertEquals(await echoes(client, "and on\n"), "and on\n");
    await client.close();
    await old.gone();
    assertEquals(await rowsOf(next), closed.rows);
    assertEquals(await ask(port), "B0");
  },
);

record(
  ["sigterm_master_with_open_connection"],
  "SIGTERM lets an open connection finish",
  async (record) => {
    await using server = named("B0");
    await using balance = await startBackground(["PORT", server.address]);
    const client = await opened(balance.port);
    balance.kill("SIGTERM");
    await until(() => !listensOn(balance.port));
    assertEquals(balance.alive(), record.master_alive);
    assertEquals(await echoes(client, "x\n"), record.echo);
    await client.close();
    await balance.gone();
    assertEquals(namesIn(balance.rundir).length > 0, record.rendezvous_left);
  },
);

record(
  ["sigint_master_only_foreground"],
  "SIGINT in the foreground lets an open connection finish",
  async (record) => {
    await using server = named("B0");
    await using balance = await startControlled(["-f", "PORT", server.address]);
    const client = await opened(balance.port);
    balance.kill("SIGINT");
    await until(() => !listensOn(balance.port));
    assertEquals(await echoes(client, "x\n"), record.echo);
    await client.close();
    assertEquals((await balance.ended).code, record.returncode);
  },
);

record(
  ["signals_foreground"],
  "SIGUSR1 and SIGCHLD do not end the program, SIGHUP ends the foreground on a terminal",
  async (record) => {
    using rundir = tempDir();
    const port = freePort();
    const { command, args } = program({ cachedOnly: true });
    await using terminal = await startTmux(
      [command, ...args, "-f", String(port), "127.0.0.1:9"],
      { env: { BALANCE_RUNDIR: rundir.path, DENO_NO_UPDATE_CHECK: "1" } },
    );
    const socket = socketPath(rundir.path, port);
    await until(() => answers(socket), { timeoutMs: 30_000, what: "the control socket" });
    const pid = await terminal.pid;
    Deno.kill(pid, "SIGUSR1");
    Deno.kill(pid, "SIGCHLD");
    // The signals were sent before the command, and are delivered before it is answered.
    assertEquals((await talk(socket, "rr\n")).length > 0, true);
    assertEquals(isAlive(pid) ? "alive" : "gone", record.after_usr1_and_chld);
    Deno.kill(pid, "SIGHUP");
    assertEquals(await terminal.ended(), record.after_hup);
  },
);

record(["M_fds"], "-M does not change the descriptors", async (record) => {
  await using balance = await startBackground(["-M", "PORT", "127.0.0.1:9"]);
  assertEquals(descriptors(balance.pid, record.fds), record.fds);
});

record(["rendezvous_names"], "the socket is named after port and address", async (record) => {
  for (const [argv, names] of record.names ?? []) {
    // The address in the name; port 25 uses a random loopback address, on which it is free.
    const service = argv.includes("smtp");
    const address = service
      ? `127.${[0, 0, 0].map(() => 1 + Math.floor(Math.random() * 250)).join(".")}`
      : (names[0] ?? "").replace("balance.PORT.", "");
    const port = service ? 25 : freePort();
    const words = [...(service ? ["-b", address] : []), ...argv, "127.0.0.1:9"];
    if (names.length === 0) {
      const rundir = Deno.makeTempDirSync();
      const { code } = await runBalance(words, { rundir });
      assertEquals([code, namesIn(rundir)], [64, []]);
      Deno.removeSync(rundir);
      continue;
    }
    if (service && !canListen(address, port)) {
      console.log(`skipped: ${argv.join(" ")}: port ${port} cannot be bound here`);
      continue;
    }
    const options = { port, address };
    await using balance = argv.includes("-f")
      ? await startControlled(words, options)
      : await startBackground(words, options);
    const expected = names.map((name) =>
      name.replace("PORT", String(port)).replace(service ? "0.0.0.0" : "", service ? address : "")
    );
    assertEquals(namesIn(balance.rundir), expected, argv.join(" "));
  }
});

function canListen(hostname: string, port: number): boolean {
  try {
    Deno.listen({ hostname, port }).close();
    return true;
  } catch {
    return false;
  }
}

record(
  ["autodisable_background_syslog"],
  "-a in the background writes to the system log",
  async (record) => {
    await using server = named("B0");
    await using dead = refusing();
    await using log = syslogReceiver();
    await using balance = await startBackground(["-a", "PORT", dead.address, server.address], {
      env: { BALANCE_SYSLOG: log.path },
    });
    assertEquals(await ask(balance.port), record.chosen);
    const messages = await log.waitFor(2);
    const time = /[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d/;
    assertEquals(
      messages.map((message) =>
        message.replace(time, "<TIME>").replace(`[${balance.pid}]`, "[<PID>]")
          .replace(String(dead.port), "21951")
      ),
      record.syslog,
    );
  },
);

for (
  const [name, flags] of [
    ["background_with_-p_server_closes", ["-p"]],
    ["background_with_-p_client_closes", ["-p"]],
    ["background_with_-adpH_server_closes", ["-adpH"]],
  ] as const
) {
  record([name], "a dump in the background is refused", async (record) => {
    await using server = named("B0");
    const port = freePort();
    const { code, stdout, stderr } = await runBalance([...flags, "PORT", server.address], { port });
    assertEquals([code, stdout, stderr], [
      record.parent_exit_code,
      record.parent_stdout,
      record.parent_stderr,
    ]);
    assertEquals(record.client_received, null);
    await assertRejects(() => connect(port), Deno.errors.ConnectionRefused);
    assertEquals(server.accepted, 0);
  });
}

for (
  const [name, flags] of [
    ["background_with_-d_client_closes", ["-d"]],
    ["background_with_-T_1_client_closes", ["-T", "1"]],
  ] as const
) {
  record([name], "messages never reach a connection", async (record) => {
    const received: string[] = [];
    await using server = backend(async (conn) => {
      received.push(await readText(conn, 6));
      await writeAll(conn, new TextEncoder().encode("answer\n"));
      received[0] += (await readToEnd(conn)).text;
    });
    await using log = syslogReceiver();
    await using balance = await startBackground([...flags, "PORT", server.address], {
      env: { BALANCE_SYSLOG: log.path },
    });
    const { stdout, stderr } = balance.parent;
    assertEquals([stdout, stderr], [record.parent_stdout, record.parent_stderr]);
    await using client = await connect(balance.port);
    await client.send("hello\n");
    let got = await readText(client, 7);
    const timedOut = flags.length > 1;
    if (timedOut) got += (await readToEnd(client)).text;
    await client.close();
    assertEquals(got, record.client_received);
    await until(() => server.open === 0);
    assertEquals(received, record.backend_received);
    const expected = timedOut
      ? /: connection from .* timed out after 1 seconds$/
      : /: connect to .* successful$/;
    await until(() => log.messages.some((message) => expected.test(message)));
  });
}

record(
  ["stale_channel_of_a_previous_run"],
  "a start ignores the state of an earlier run",
  async (record) => {
    await using server = named("B0");
    await using dead = refusing();
    const port = freePort();
    {
      await using _balance = await startControlled(
        ["-f", "PORT", dead.address, "!", server.address],
        { port },
      );
      assertEquals(await ask(port), record.first);
    }
    await using balance = await startControlled(["-f", "PORT", dead.address], { port });
    await talk(balance.socket, "disable 0\n");
    assertEquals(await ask(port), record.second_run_client_got);
    const shown = await talk(balance.socket, "show\n");
    assertEquals(shown.replace(String(dead.port), "21951"), record.show);
  },
);

record(
  ["create_inherits_counters_of_a_previous_run"],
  "a created channel starts with zero counters",
  async (record) => {
    await using server = named("B0");
    const port = freePort();
    {
      const argv = ["-f", "PORT", server.address, `${server.address}:3`];
      await using _balance = await startControlled(argv, { port });
      for (let i = 0; i < 4; i++) assertEquals(await ask(port), "B0");
    }
    await using balance = await startControlled(["-f", "PORT", server.address], { port });
    await talk(balance.socket, `create 127.0.0.1 ${server.port}\n`);
    assertEquals(tableOf(await talk(balance.socket, "show\n"), server.port), record.show);
  },
);

record(
  ["reset_keeps_current_connections"],
  "reset keeps the number of open connections",
  async (record) => {
    await using server = named("B0");
    await using balance = await startControlled(["-f", "PORT", server.address]);
    await using _client = await opened(balance.port);
    const shown = async () => tableOf(await talk(balance.socket, "show\n"), server.port);
    await until(async () => (await shown()) === record.before);
    assertEquals(await talk(balance.socket, "reset 0\n"), record.reset);
    assertEquals(await shown(), record.after);
  },
);

record(["background_-M_-p_corrupts_state"], "-M does not make -p possible", async (record) => {
  const rundir = Deno.makeTempDirSync();
  const port = freePort();
  const started = await runBalance(["-M", "-p", "PORT", "127.0.0.1:9"], { port, rundir });
  assertEquals(started.code, record.parent_exit_code);
  const { code, stdout } = await runBalance(["-c", "show", "-M", "PORT"], { port, rundir });
  assertEquals([code, stdout], [record.show_after_exit, record.show_after]);
  assertEquals(namesIn(rundir), []);
  Deno.removeSync(rundir);
});

record(["background_-M_-d_corrupts_state"], "-M and -d in the background", async (record) => {
  await using server = named("B0");
  const options: BackgroundOptions = { env: { BALANCE_SYSLOG: "/nonexistent" } };
  await using balance = await startBackground(["-M", "-d", "PORT", server.address], options);
  const { port, rundir } = balance;
  const shown = async () => {
    const { code, stdout } = await runBalance(["-c", "show", "-M", "PORT"], { port, rundir });
    return [tableOf(stdout, server.port), code];
  };
  assertEquals(await shown(), [record.show_before, 0]);
  await (await opened(port)).close();
  await until(async () => (await rowsOf(balance)).every(([c]) => c === 0));
  assertEquals(await shown(), [record.show_after, record.show_after_exit]);
  assertEquals(await ask(port), record.next_client);
});

record(
  ["rendezvous_directory_created_when_missing"],
  "a missing run directory is created",
  async (record) => {
    const parent = Deno.makeTempDirSync({ prefix: "balance-test-" });
    const rundir = `${parent}/run`;
    {
      await using balance = await startBackground(["PORT", "127.0.0.1:9"], { rundir });
      const mode = (path: string) => ((Deno.lstatSync(path).mode ?? 0) & 0o7777).toString(8);
      assertEquals(mode(rundir), record.mode);
      assertEquals(mode(balance.socket), record.file_mode_with_umask_022);
    }
    Deno.removeSync(parent, { recursive: true });
  },
);

t("every record of background mode is played here", () => {
  assertEquals(records.length, 22);
  assertEquals([...played].sort(), records.map(({ name }) => name).sort());
});
