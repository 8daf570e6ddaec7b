/** nginx on either side of balance: `proxy_protocol on`, `listen ... proxy_protocol`, real ip. */

import { assertEquals } from "@std/assert";
import { hasIpv6, named } from "../../../helpers/net/backends.ts";
import { readText, readToEnd } from "../../../helpers/net/client.ts";
import { talk } from "../../../helpers/net/control_socket.ts";
import { freePort } from "../../../helpers/net/ports.ts";
import { startControlled } from "../../../helpers/program/start_controlled.ts";
import { assertIdentified, dial, getWords, wordsOf } from "../../../helpers/proxy_protocol/dial.ts";
import { nginxStreamObstacle, nginxWith } from "../../../helpers/servers/nginx.ts";
import { skip, t, until } from "../../../helpers/t.ts";

const HOSTS = hasIpv6 ? ["127.0.0.5", "::1"] : ["127.0.0.5"];

/** An HTTP server that expects a header, and names the client by it and by real ip. */
function httpReader(port: number): string {
  return `server { listen 127.0.0.1:${port} proxy_protocol;
set_real_ip_from 127.0.0.0/8; real_ip_header proxy_protocol;
location / { return 200 "$proxy_protocol_addr $proxy_protocol_port $proxy_protocol_server_addr $proxy_protocol_server_port $remote_addr $remote_port"; } }\n`;
}

/** The same without HTTP: it speaks first. */
function streamReader(port: number): string {
  return `server { listen 127.0.0.1:${port} proxy_protocol; set_real_ip_from 127.0.0.0/8;
return "$proxy_protocol_addr $proxy_protocol_port $proxy_protocol_server_addr $proxy_protocol_server_port $remote_addr $remote_port"; }\n`;
}

/** A proxy that sends headers of version 1, the only ones that nginx writes. */
function streamSender(port: number, server: number): string {
  const v6 = hasIpv6 ? `listen [::1]:${port};` : "";
  return `server { listen 0.0.0.0:${port}; ${v6} proxy_protocol on; proxy_pass 127.0.0.1:${server}; }\n`;
}

function withNginx(name: string, fn: () => Promise<void>): void {
  const obstacle = nginxStreamObstacle();
  if (obstacle === undefined) t(name, fn);
  else skip(name, obstacle);
}

withNginx("balance believes the headers of nginx", async () => {
  await using server = named("B0");
  await using balance = await startControlled([
    ...["-f", "--accept-proxy", "127.0.0.1", "PORT", server.address],
  ]);
  const port = freePort();
  await using _nginx = await nginxWith({ http: "", stream: streamSender(port, balance.port) }, [
    port,
  ]);
  for (const hostname of HOSTS) {
    using client = await dial(hostname, port);
    assertEquals(await readText(client.conn, 3), "B0\n");
    await assertIdentified(balance.socket, client);
  }
});

withNginx("nginx believes the headers of balance, in HTTP and in streams", async () => {
  const http = freePort(), stream = freePort();
  await using nginx = await nginxWith(
    { http: httpReader(http), stream: streamReader(stream) },
    [http, stream],
  );
  const channels = ["v1", "v2", "v2,id"].map((how) => `127.0.0.1:${http},send-proxy=${how}`);
  const first = ["v1", "v2", "v2,id"].map((how) => `127.0.0.1:${stream},send-proxy=${how}`);
  for (const hostname of HOSTS) {
    const listen = hostname === "::1" ? ["-b", "::1"] : [];
    const options = hostname === "::1" ? { address: "::1" } : {};
    await using asked = await startControlled(["-f", ...listen, "PORT", ...channels], options);
    await using speaking = await startControlled(["-f", ...listen, "PORT", ...first], options);
    for (let i = 0; i < 3; i++) {
      const got = await getWords(hostname, asked.port);
      const { address, port } = got.source;
      assertEquals(got.words, [...wordsOf(got), address, String(port)], nginx.output);

      using client = await dial(hostname, speaking.port);
      const { text } = await readToEnd(client.conn);
      const own = client.source;
      assertEquals(text.split(" "), [...wordsOf(client), own.address, String(own.port)]);
    }
  }
});

withNginx("a client is known through nginx, balance and nginx", async () => {
  const http = freePort(), front = freePort();
  const back = await nginxWith({ http: httpReader(http), stream: "" }, [http]);
  await using _back = back;
  await using balance = await startControlled([
    ...["-f", "--accept-proxy", "127.0.0.1", "--send-proxy", "v2", "PORT", `127.0.0.1:${http}`],
  ]);
  await using _front = await nginxWith({ http: "", stream: streamSender(front, balance.port) }, [
    front,
  ]);
  for (const hostname of HOSTS) {
    const got = await getWords(hostname, front);
    assertEquals(got.words.slice(0, 4), wordsOf(got), back.output);
  }
});

withNginx("checks of balance with a header pass at nginx", async () => {
  const http = freePort();
  await using nginx = await nginxWith({ http: httpReader(http), stream: "" }, [http]);
  await using balance = await startControlled([
    ...["-f", "--check", "http:/", "--interval", "100ms", "PORT"],
    ...[`127.0.0.1:${http},send-proxy=v1`, `127.0.0.1:${http},send-proxy=v2`],
  ]);
  let shown = "";
  await until(async () => {
    shown = await talk(balance.socket, "checks\n");
    return shown.match(/HTTP 200/g)?.length === 2;
  }, { what: () => `two channels that are up: ${shown}\n${nginx.output}` });
  const got = await getWords("127.0.0.5", balance.port);
  assertEquals(got.words.slice(0, 4), wordsOf(got));
});
