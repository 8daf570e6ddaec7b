/** Dumps with `--dump-side` in which the server side starts with a header, read by tshark. */

import { assertEquals } from "@std/assert";
import { joinBytes } from "../../../../lib/base/bytes.ts";
import { complaints, follow, noDissector, run } from "../../../helpers/dump/capture_tools.ts";
import { hasIpv6 } from "../../../helpers/net/backends.ts";
import { readText, readToEnd } from "../../../helpers/net/client.ts";
import { startControlled } from "../../../helpers/program/start_controlled.ts";
import { dial, type Dialed } from "../../../helpers/proxy_protocol/dial.ts";
import { headerBackend } from "../../../helpers/proxy_protocol/header_backend.ts";
import { withTools } from "../../../helpers/t.ts";
import { tempDir } from "../../../helpers/temp_dir.ts";

const VERSIONS = ["v1", "v2", "v2,id"];
const FIELDS = [
  ...["proxy.src.ipv4", "proxy.src.ipv6", "proxy.srcport"],
  ...["proxy.dst.ipv4", "proxy.dst.ipv6", "proxy.dstport"],
];

/** How tshark shows the addresses of a client. */
function fieldsOf({ source, destination }: Dialed): string {
  const both = [source, destination].map(({ address, port }) =>
    address.includes(":") ? `|${address}|${port}` : `${address}||${port}`
  );
  return both.join("|");
}

/** A conversation: what a client has sent after the header, and the fields of the header. */
interface Talk {
  readonly payload: Uint8Array;
  readonly fields: string;
}

/** Has a conversation with each version of header, and dumps all of them. */
async function dumped(
  { file, side, hostname, backend }: Record<"file" | "side" | "hostname" | "backend", string>,
): Promise<{ port: number; talks: Talk[] }> {
  const isV6 = hostname === "::1";
  await using balance = await startControlled([
    ...["-f", ...(isV6 ? ["-b", "::1"] : []), "--dump-file", file, "--dump-side", side],
    ...["PORT", ...VERSIONS.map((how) => `${backend},send-proxy=${how}`)],
  ], isV6 ? { address: "::1" } : {});
  const talks: Talk[] = [];
  for (const [i, how] of VERSIONS.entries()) {
    // In turn, bytes arrive with the connection, and only after the greeting.
    const text = `payload of ${how}\n`, payload = new TextEncoder().encode(text);
    using client = await dial(hostname, balance.port, i % 2 === 0 ? payload : "");
    assertEquals(await readText(client.conn, 1), "!");
    if (i % 2 === 1) await client.conn.write(payload);
    assertEquals(await readText(client.conn, text.length), text);
    await client.conn.closeWrite();
    await readToEnd(client.conn);
    talks.push({ payload, fields: fieldsOf(client) });
  }
  await balance.stop();
  return { port: balance.port, talks };
}

for (const [side, hostname] of [["server", hasIpv6 ? "::1" : "127.0.0.1"], ["both", "127.0.0.5"]]) {
  withTools(
    ["tshark"],
    `tshark reads the headers in a pcapng dump of --dump-side ${side}, without complaints`,
    async () => {
      using dir = tempDir();
      const file = `${dir.path}/dump.pcapng`;
      await using server = headerBackend({ greeting: "!" });
      const { address: backend, raw } = server;
      const { port, talks } = await dumped({ file, side: side!, hostname: hostname!, backend });
      const plain = noDissector(port, server.port);
      assertEquals(await complaints(file, plain), []);

      const streams = await follow(file, side === "both" ? 6 : 3, plain);
      const ofServer = talks.map(({ payload }, i) => joinBytes([raw[i]!, payload]));
      const ofClient = side === "both" ? talks.map(({ payload }) => payload) : [];
      assertEquals(
        streams.map(({ sent }) => sent.client.toHex()).sort(),
        [...ofServer, ...ofClient].map((bytes) => bytes.toHex()).sort(),
      );
      for (const { sent } of streams) assertEquals(sent.backend[0], "!".charCodeAt(0));

      // The dissector has no port: tshark recognizes headers.
      const read = ["-r", file, "-o", "tcp.try_heuristic_first:TRUE", "-Y"];
      const faults = await run("tshark", [...read, "proxy && _ws.expert.severity >= 0x400000"]);
      assertEquals([faults.stdout, faults.code], ["", 0]);
      const { stdout } = await run("tshark", [
        ...[...read, "proxy.srcport", "-T", "fields", "-E", "separator=|"],
        ...FIELDS.flatMap((field) => ["-e", field]),
      ]);
      const fields = talks.map((talk) => talk.fields);
      assertEquals(stdout.trimEnd().split("\n").sort(), fields.sort());
      assertEquals(server.faults, []);
    },
  );
}
