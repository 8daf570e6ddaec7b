/** postfix behind balance: smtpd and postscreen, which speak first. */

import { assertEquals, assertMatch } from "@std/assert";
import { readLine } from "../../../helpers/net/client.ts";
import { talk } from "../../../helpers/net/control_socket.ts";
import { freePort } from "../../../helpers/net/ports.ts";
import { startControlled } from "../../../helpers/program/start_controlled.ts";
import { dial } from "../../../helpers/proxy_protocol/dial.ts";
import { v1, v2 } from "../../../helpers/proxy_protocol/reference.ts";
import { POSTFIX_TOOLS, startPostfix } from "../../../helpers/servers/postfix.ts";
import { skip, until, withTools } from "../../../helpers/t.ts";

const NAME = "postfix and its postscreen know the client through balance, and checks pass";
const VERSIONS = ["v1", "v2", "v2,id"];
/** Addresses of the client, which a proxy in front of balance names. */
const V4 = { address: "192.0.2.9", port: 40001 }, V6 = { address: "2001:db8::9", port: 40002 };
const MAIL = [{ address: "192.0.2.1", port: 25 }, { address: "2001:db8::1", port: 25 }] as const;

/** The last line of a greeting: postscreen sends one in two parts, a second apart. */
async function greeting(conn: Deno.TcpConn): Promise<string> {
  for (;;) {
    const line = String(await readLine(conn));
    if (!line.startsWith("220-")) return line;
  }
}

if (Deno.uid() !== 0) skip(NAME, "only root can start postfix");
else {
  withTools(POSTFIX_TOOLS, NAME, async () => {
    const smtpd = freePort(), screen = freePort();
    await using postfix = await startPostfix(
      `127.0.0.1:${smtpd} inet n - n - - smtpd
  -o smtpd_upstream_proxy_protocol=haproxy -o smtpd_peername_lookup=no
127.0.0.1:${screen} inet n - n - 1 postscreen
  -o postscreen_upstream_proxy_protocol=haproxy -o postscreen_greet_wait=1s
  -o postscreen_access_list= -o postscreen_cache_map=
smtpd pass - - n - - smtpd -o smtpd_peername_lookup=no
dnsblog unix - - n - 0 dnsblog
tlsproxy unix - - n - 0 tlsproxy`,
      [smtpd, screen],
    );
    for (const [port, log] of [[smtpd, "smtpd"], [screen, "postscreen"]] as const) {
      await using balance = await startControlled([
        ...["-f", "--accept-proxy", "127.0.0.1", "PORT"],
        ...VERSIONS.map((how) => `127.0.0.1:${port},send-proxy=${how}`),
      ]);
      const clients = [[V4, MAIL[0]], [V6, MAIL[1]]] as const;
      await Promise.all(clients.flatMap(([client, server], i) =>
        VERSIONS.map(async (_, j) => {
          const source = { ...client, port: client.port + 10 * (3 * i + j) };
          const header = j % 2 === 0 ? v1(source, server) : v2(source, server, { crc: true });
          using dialed = await dial("127.0.0.1", balance.port, header);
          // Not a byte from the client before the greeting.
          assertMatch(await greeting(dialed.conn), /^220 mail\.example ESMTP/);
          await dialed.conn.write(new TextEncoder().encode("QUIT\r\n"));
          assertMatch(String(await readLine(dialed.conn)), /^221 /);
          const expected = log === "smtpd"
            ? `connect from unknown[${source.address}]`
            : `CONNECT from [${source.address}]:${source.port} to [${server.address}]:25`;
          await until(() => postfix.output.includes(expected), {
            what: () => `[${expected}] in ${postfix.output}`,
          });
        })
      ));
    }

    // Not version 1: postfix (3.7) rejects PROXY UNKNOWN.
    await using checked = await startControlled([
      ...["-f", "--check", "smtp", "--interval", "200ms", "PORT"],
      ...VERSIONS.slice(1).map((how) => `127.0.0.1:${smtpd},send-proxy=${how}`),
    ]);
    let shown = "";
    await until(async () => {
      shown = await talk(checked.socket, "checks\n");
      return shown.match(/220 mail/g)?.length === 2;
    }, {
      timeoutMs: 15_000,
      what: () => `two channels that are up: ${shown}\n${postfix.output}`,
    });
    assertEquals(postfix.output.match(/(warning|fatal|panic): .*/g) ?? [], []);
  });
}
