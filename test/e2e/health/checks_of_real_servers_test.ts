/** Checks of the servers that they are made for, from Debian. */

import { assert, assertEquals, assertMatch, assertNotMatch } from "@std/assert";
import { answering, outcome } from "../../helpers/check/probing.ts";
import { freePort } from "../../helpers/net/ports.ts";
import { listensOn } from "../../helpers/net/tcp_sockets.ts";
import { startNginx } from "../../helpers/servers/nginx.ts";
import { type Running, runProgram, startProgram } from "../../helpers/program/start_program.ts";
import { POSTFIX_TOOLS, startPostfix } from "../../helpers/servers/postfix.ts";
import { skip, tool, until, withTools } from "../../helpers/t.ts";
import { tempDir } from "../../helpers/temp_dir.ts";

const ROOT = Deno.uid() === 0;

withTools(
  ["nginx"],
  "http: nginx with several statuses, and with a backend that hangs",
  async () => {
    await using hanging = answering("");
    await using nginx = await startNginx(
      tool("nginx")!,
      `location = /ok { return 200; } location = /old { return 301 /ok; }
     location = /missing { return 404; } location = /busy { return 503; }
     location = /teapot { return 418; } location = /named { if ($host != web1) { return 500; } return 204; }
     location = /hang { proxy_pass http://127.0.0.1:${hanging.port}; proxy_read_timeout 60s; }`,
    );
    const port = Number(nginx.address.split(":")[1]);
    for (
      const [check, ok, text] of [
        ["tcp", true, "connected"],
        ["http:/ok", true, "HTTP 200"],
        ["http:/ok=301,404", false, "HTTP 200"],
        ["http:/old", true, "HTTP 301"],
        ["http:/missing", false, "HTTP 404"],
        ["http:/missing=200-299,404", true, "HTTP 404"],
        ["http:/busy", false, "HTTP 503"],
        ["http:/teapot?x=1=418", true, "HTTP 418"],
        ["http:/named", true, "HTTP 204"],
        ["send:GET /ok HTTP/1.0\\r\\n\\r\\n/expect:200 OK", true, 'answered "200 OK"'],
      ] as const
    ) {
      assertEquals(await outcome(check, port), { ok, text }, check);
    }
    assertEquals(await outcome("http:/hang", port, { timeoutMs: 2000 }), {
      ok: false,
      text: "timeout after 2 s without an answer",
    });
    // nginx closes its own connection once the probe is gone.
    await until(() => hanging.accepted === 1 && hanging.open === 0, { what: "nginx to give up" });
    for (const check of ["redis", "postgres", "mysql", "smtp"]) {
      assertEquals((await outcome(check, port, { timeoutMs: 300 })).ok, false, check);
    }
  },
);

async function startRedis(...args: string[]): Promise<Running & { port: number }> {
  const port = freePort();
  using dir = tempDir();
  const redis = await startProgram(tool("redis-server")!, {
    args: [
      ...["--port", String(port), "--bind", "127.0.0.1", "--dir", dir.path],
      ...["--save", "", "--appendonly", "no", "--daemonize", "no", ...args],
    ],
    ready: () => listensOn(port),
  });
  return Object.assign(redis, { port });
}

withTools(
  ["redis-server"],
  "redis: a server passes, also with a password, until it hangs",
  async () => {
    await using plain = await startRedis();
    await using secret = await startRedis("--requirepass", "secret");
    assertEquals(await outcome("redis", plain.port), { ok: true, text: "PONG" });
    assertEquals(await outcome("redis", secret.port), { ok: true, text: "NOAUTH" });
    assertEquals((await outcome("send:PING\\r\\n/expect:+PONG", plain.port)).ok, true);

    // It accepts, since the kernel does that, and then hangs.
    plain.kill("SIGSTOP");
    try {
      assertEquals(await outcome("tcp", plain.port), { ok: true, text: "connected" });
      assertEquals(await outcome("redis", plain.port, { timeoutMs: 2000 }), {
        ok: false,
        text: "timeout after 2 s without an answer",
      });
    } finally {
      plain.kill("SIGCONT");
    }
    assertEquals(await outcome("redis", plain.port), { ok: true, text: "PONG" });
  },
);

/** The directory of PostgreSQL's programs, which Debian does not put on PATH. */
function postgresPrograms(): string | undefined {
  try {
    const versions = Array.from(Deno.readDirSync("/usr/lib/postgresql"), ({ name }) => name);
    return versions.sort().map((name) => `/usr/lib/postgresql/${name}/bin`).at(-1);
  } catch {
    return undefined;
  }
}

/** A program with its arguments, to run as another user if this is root. */
function as(user: string, program: string, args: string[]): [program: string, args: string[]] {
  if (!ROOT) return [program, args];
  return ["setpriv", [`--reuid=${user}`, `--regid=${user}`, "--clear-groups", program, ...args]];
}

const POSTGRES = "postgres: a server passes, and a probe leaves nothing in its log";
const programs = postgresPrograms();
if (programs === undefined) skip(POSTGRES, "postgresql is not installed");
else {
  withTools(["setpriv", "chown"], POSTGRES, async () => {
    using dir = tempDir();
    if (ROOT) await runProgram("chown", ["postgres", dir.path]);
    const data = `${dir.path}/data`;
    const made = await runProgram(
      ...as("postgres", `${programs}/initdb`, ["-D", data, "-A", "trust", "--no-sync"]),
    );
    assertEquals(made.code, 0, made.stderr);
    const port = freePort();
    const [program, args] = as("postgres", `${programs}/postgres`, [
      ...["-D", data, "-h", "127.0.0.1", "-p", String(port), "-k", dir.path, "-c", "fsync=off"],
    ]);
    await using server = await startProgram(program, {
      args,
      ready: (output) => output.includes("ready to accept connections"),
      timeoutMs: 30_000,
    });
    const before = server.output;
    for (let i = 0; i < 3; i++) {
      assertEquals(await outcome("postgres", port), { ok: true, text: "PostgreSQL" });
    }
    assertEquals(
      (await outcome(`exec:${programs}/pg_isready -h 127.0.0.1 -p ${port}`, 1)).ok,
      true,
    );
    assertEquals(await outcome("redis", port), { ok: false, text: "closed without an answer" });
    assertEquals(server.output.slice(before.length).match(/SSL|unexpected/), null, server.output);
  });
}

withTools(
  ["mariadbd", "mariadb-install-db"],
  "mysql: a server passes, and does not block the host",
  async () => {
    using dir = tempDir();
    const user = ROOT ? ["--user=root"] : [];
    const made = await runProgram(tool("mariadb-install-db")!, [
      ...["--no-defaults", `--datadir=${dir.path}/data`, "--skip-test-db", ...user],
      ...["--auth-root-authentication-method=normal"],
    ]);
    assertEquals(made.code, 0, made.stderr);
    const port = freePort();
    await using server = await startProgram(tool("mariadbd")!, {
      args: [
        ...["--no-defaults", `--datadir=${dir.path}/data`, `--socket=${dir.path}/socket`, ...user],
        ...["--bind-address=127.0.0.1", `--port=${port}`, "--max-connections=10"],
        ...["--extra-max-connections=1", "--pid-file=pid"],
      ],
      ready: (output) => output.includes("ready for connections"),
      timeoutMs: 30_000,
    });
    for (let i = 0; i < 3; i++) {
      const { ok, text } = await outcome("mysql", port);
      assert(ok, text);
      assertMatch(text, /^MySQL .*MariaDB/);
    }
    // Connections that end before a login are what a server counts before it blocks a host.
    assertMatch(server.output, /Access denied for user 'balance'/);
    assertNotMatch(server.output, /closed normally without authentication/);

    const held: Deno.TcpConn[] = [];
    try {
      await until(async () => {
        held.push(await Deno.connect({ port }));
        return (await outcome("mysql", port)).text === "error 1040: Too many connections";
      }, { what: "too many connections", timeoutMs: 20_000 });
    } finally {
      for (const conn of held) conn.close();
    }
  },
);

const SMTP = "smtp: postfix passes, and logs that the probe has said goodbye";
if (!ROOT) skip(SMTP, "only root can start postfix");
else {
  withTools(POSTFIX_TOOLS, SMTP, async () => {
    const port = freePort();
    await using postfix = await startPostfix(`127.0.0.1:${port} inet n - n - - smtpd`, [port]);
    const { ok, text } = await outcome("smtp", port);
    assertEquals([ok, text.slice(0, 22)], [true, "220 mail.example ESMTP"]);
    const goodbye = "disconnect from localhost[127.0.0.1] quit=1 commands=1";
    await until(() => postfix.output.includes(goodbye), { what: "the log of postfix" });
    assertEquals((await outcome("expect:220", port)).ok, true);
  });
}

withTools(["python3"], "agent: a daemon as HAProxy's users write it", async () => {
  const port = freePort();
  await using _agent = await startProgram("python3", {
    args: [
      "-c",
      `import socketserver
replies = iter(["up ready 100%\\n", "drain\\n", "down#load 9.7\\n", "75% maxconn:20\\r\\n"])
class Agent(socketserver.StreamRequestHandler):
    def handle(self): self.wfile.write(next(replies).encode())
socketserver.TCPServer.allow_reuse_address = True
socketserver.TCPServer(("127.0.0.1", ${port}), Agent).serve_forever()`,
    ],
    ready: () => listensOn(port),
  });
  const replies = [];
  for (let i = 0; i < 4; i++) replies.push(await outcome(`agent:${port}`, 1));
  assertEquals(replies, [
    { ok: true, text: "agent: up ready 100%" },
    { ok: true, text: "agent: drain" },
    { ok: false, text: "agent: down#load 9.7" },
    { ok: true, text: "agent: 75% maxconn:20" },
  ]);
});
