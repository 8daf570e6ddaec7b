/** Dumps of conversations with redis and nginx, read back with tshark, tcpdump and tcpflow. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { joinBytes } from "../../../lib/base/bytes.ts";
import { assertSameBytes, randomBytes } from "../../helpers/bytes.ts";
import { complaints, follow, noDissector, run } from "../../helpers/dump/capture_tools.ts";
import { connect, readExactly, readToEnd } from "../../helpers/net/client.ts";
import { freePort } from "../../helpers/net/ports.ts";
import { listensOn } from "../../helpers/net/tcp_sockets.ts";
import { startBalance } from "../../helpers/program/start_balance.ts";
import { startNginx } from "../../helpers/servers/nginx.ts";
import { startProgram } from "../../helpers/program/start_program.ts";
import { tool, withTools } from "../../helpers/t.ts";
import { tempDir } from "../../helpers/temp_dir.ts";

const encode = (text: string) => new TextEncoder().encode(text);
const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

withTools(
  ["redis-server", "tshark"],
  "tshark reads the dump of a conversation with redis",
  async () => {
    using dir = tempDir();
    const file = `${dir.path}/redis.pcapng`;
    const redis = freePort();
    await using _redis = await startProgram(tool("redis-server")!, {
      args: [
        ...["--port", String(redis), "--bind", "127.0.0.1", "--dir", dir.path],
        ...["--save", "", "--appendonly", "no"],
      ],
      ready: () => listensOn(redis),
    });
    const requests = [
      joinBytes([
        encode("*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$200000\r\n"),
        randomBytes(200_000, 1),
        encode("\r\n"),
      ]),
      encode("*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n"),
    ] as Uint8Array<ArrayBuffer>[];
    const answerBytes = ["+OK\r\n".length, "$200000\r\n".length + 200_000 + 2];
    let port: number;
    const answers: Uint8Array[] = [];
    {
      await using balance = await startBalance([
        ...["-f", "--dump-file", file, "--dump-side", "both"],
        ...["PORT", `127.0.0.1:${redis}`],
      ]);
      port = balance.port;
      await using client = await connect(port);
      for (const [i, request] of requests.entries()) {
        await client.send(request);
        answers.push(await readExactly(client, answerBytes[i]!));
      }
      await client.closeWrite();
      await readToEnd(client);
      await balance.stop();
    }
    assertEquals(decode(answers[0]!), "+OK\r\n");
    assertEquals(Deno.statSync(file).mode! & 0o777, 0o600);
    // Both sides have the same bytes, and tshark finds no error.
    const streams = await follow(file, 2, noDissector(port, redis));
    for (const { sent } of streams) {
      assertSameBytes(sent.client, joinBytes(requests));
      assertSameBytes(sent.backend, joinBytes(answers));
    }
    assertEquals(await complaints(file, noDissector(port, redis)), []);
    const { stdout, stderr } = await run("tshark", [
      ...["-r", file, "-d", `tcp.port==${port},resp`, "-Y", `tcp.port == ${port} && resp`],
      ...["-T", "fields", "-e", "_ws.col.Info"],
    ]);
    assertEquals(stderr, "");
    assertMatch(stdout, /Request: SET key/);
    assertMatch(stdout, /Request: GET key/);
    assertMatch(stdout, /Response: OK/);
  },
);

withTools(
  ["nginx", "tshark", "tcpflow", "tcpdump"],
  "tshark, tcpdump and tcpflow read the dump of 10 MB from nginx",
  async () => {
    using dir = tempDir();
    const file = `${dir.path}/http.pcapng`;
    await using nginx = await startNginx(tool("nginx")!);
    const page = randomBytes(10_000_000, 2);
    await Deno.writeFile(`${nginx.folder}/page`, page, { mode: 0o644 });
    const request = encode("GET /page HTTP/1.0\r\nHost: nginx\r\n\r\n");
    let port: number, answer: Uint8Array;
    {
      await using balance = await startBalance(["-f", "--dump-file", file, "PORT", nginx.address]);
      port = balance.port;
      await using client = await connect(port);
      await client.send(request);
      answer = (await readToEnd(client)).bytes;
      await client.close();
      await balance.stop();
    }
    assertSameBytes(answer.subarray(-page.length), page);
    const [stream] = await follow(file, 1, noDissector(port));
    assertSameBytes(stream!.sent.client, request);
    assertSameBytes(stream!.sent.backend, answer);
    const { stdout } = await run("tshark", [
      ...["-r", file, "-d", `tcp.port==${port},http`, "-Y", "http.response"],
      ...["-T", "fields", "-e", "http.response.code", "-e", "http.content_length"],
    ]);
    assertEquals(stdout, `200\t${page.length}\n`);

    const flows = `${dir.path}/flows`;
    Deno.mkdirSync(flows);
    await run("tcpflow", ["-r", file, "-o", flows, "-a", "-X", "/dev/null"]);
    const saved = [...Deno.readDirSync(flows)].map(({ name }) => name).filter((name) =>
      /^[\d.]+-[\d.]+$/.test(name)
    );
    const from = (end: RegExp) => Deno.readFileSync(`${flows}/${saved.find((n) => end.test(n))}`);
    const five = String(port).padStart(5, "0");
    assertSameBytes(from(new RegExp(`\\.${five}-`)), answer);
    assertSameBytes(from(new RegExp(`\\.${five}$`)), request);

    const dumped = await run("tcpdump", ["-r", file, "-n", "-vv"]);
    assertEquals(dumped.code, 0);
    assert(!dumped.stdout.includes("incorrect"));
  },
);
