/** `--metrics-host`: which host names a request may have (DNS rebinding). */

import { assertEquals } from "@std/assert";
import { sendRaw } from "../../helpers/metrics/http_client.ts";
import { startWithMetrics } from "../../helpers/metrics/start_with_metrics.ts";
import { named } from "../../helpers/net/backends.ts";
import { freePort } from "../../helpers/net/ports.ts";
import { runBalance } from "../../helpers/program/start_balance.ts";
import { t } from "../../helpers/t.ts";

/** The status of a request with this host, and with an absolute target that names it. */
async function statusOf(port: number, host: string): Promise<number[]> {
  const end = "Connection: close\r\n\r\n";
  const { statuses } = await sendRaw(port, `GET /metrics HTTP/1.1\r\nHost: ${host}\r\n${end}`);
  const absolute = `GET http://${host}/metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n${end}`;
  return [...statuses, ...(await sendRaw(port, absolute)).statuses];
}

t("a request for a host that --metrics-host does not name is refused with 403", async () => {
  await using server = named("B0");
  const port = freePort();
  const argv = [`localhost:${port}`, "--metrics-host", "one.example,Two"];
  argv.push("--metrics-host=three.example.", "PORT", server.address);
  await using _balance = await startWithMetrics(argv, { port });
  const allowed = ["127.0.0.1", `127.0.0.1:${port}`, "10.1.2.3", "[::1]", `[::1]:${port}`];
  allowed.push("localhost", `LOCALHOST:${port}`, "one.example", "two:80", "three.example");
  for (const host of allowed) assertEquals(await statusOf(port, host), [200, 200], host);
  const refused = ["evil.example", `evil.example:${port}`, "one.example.evil.example", "example"];
  for (const host of refused) assertEquals(await statusOf(port, host), [403, 403], host);
  const both = "GET http://localhost/metrics HTTP/1.1\r\nHost: evil.example\r\n\r\n";
  const { statuses, text } = await sendRaw(port, both);
  assertEquals(statuses, [403]);
  const reason = "is not an IP address, localhost, or a name given with --metrics-host";
  assertEquals(text.split("\n").at(-2), `host [evil.example] ${reason}`);
  const post = "POST /metrics HTTP/1.1\r\nHost: evil.example\r\n\r\n";
  assertEquals((await sendRaw(port, post)).statuses, [403]);
});

t("a wrong --metrics-host ends the start with one line and exit code 64", async () => {
  const lines: [string, string][] = [
    ["", "invalid --metrics-host []: a name is empty"],
    ["a,,b", "invalid --metrics-host [a,,b]: a name is empty"],
    ["a b", "invalid --metrics-host [a b]: [a b] is not a host name"],
    ["a,b:80", "invalid --metrics-host [a,b:80]: want a name without a port"],
    ["http://a/", "invalid --metrics-host [http://a/]: [http://a/] is not a host name"],
    ["*", "invalid --metrics-host [*]: [*] is not a host name"],
  ];
  for (const [text, line] of lines) {
    const argv = ["-f", "--metrics", "9550", "--metrics-host", text, "PORT", "127.0.0.1"];
    const { code, stderr } = await runBalance(argv);
    assertEquals([code, stderr], [64, `${line}\n`]);
  }
  const { code, stderr } = await runBalance(["-f", "--metrics-host", "a", "PORT", "127.0.0.1"]);
  assertEquals([code, stderr], [64, "balance: --metrics-host [a] needs --metrics\n"]);
});
