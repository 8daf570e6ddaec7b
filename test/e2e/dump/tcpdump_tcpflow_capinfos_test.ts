/** tcpdump, tcpflow and capinfos read the pcapng format, without a running balance. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { joinBytes } from "../../../lib/base/bytes.ts";
import { createPcapng } from "../../../lib/dump/formats/pcapng.ts";
import { run } from "../../helpers/dump/capture_tools.ts";
import { connectionOf, makeTraffic, START } from "../../helpers/dump/generated_traffic.ts";
import { withTools } from "../../helpers/t.ts";
import { tempDir } from "../../helpers/temp_dir.ts";

withTools(["tcpdump"], "tcpdump finds correct checksums only, for IPv4 and IPv6", async () => {
  using dir = tempDir();
  const file = `${dir.path}/dump.pcapng`;
  const traffic = makeTraffic(createPcapng({ side: "both" }), {
    seed: 15,
    connections: 30,
    maxChunk: 150_000,
  });
  Deno.writeFileSync(file, traffic.files[0]!);
  const { code, stdout, stderr } = await run("tcpdump", ["-vv", "-n", "-r", file]);
  assertEquals(code, 0);
  assertMatch(
    stderr,
    /^reading from file .*, link-type RAW \(Raw IP\), snapshot length 262144\n.*$/,
  );
  const correct = stdout.match(/cksum 0x[0-9a-f]{4} \(correct\)/g)!.length;
  const packets = stdout.match(/^\d\d:\d\d:\d\d/gm)!.length;
  assertEquals(correct, packets);
  assert(!/bad|incorrect|truncated|malformed/.test(stdout.replace(/length \d+: .*/g, "")));
  assertMatch(stdout, /^06:03:20\.123456 IP/);
});

withTools(["tcpflow"], "tcpflow extracts the same bytes", async () => {
  using dir = tempDir();
  const file = `${dir.path}/dump.pcapng`;
  const traffic = makeTraffic(createPcapng(), { seed: 16, connections: 30, maxChunk: 100_000 });
  Deno.writeFileSync(file, traffic.files[0]!);
  const { code } = await run("tcpflow", ["-r", file, "-o", dir.path, "-a", "-X", "/dev/null"]);
  assertEquals(code, 0);
  const flows = Array.from(Deno.readDirSync(dir.path), ({ name }) => name);
  const flow = (from: number, to: number) => {
    const five = (port: number) => String(port).padStart(5, "0");
    const name = flows.find((each) =>
      each.includes(`.${five(from)}-`) && each.endsWith(`.${five(to)}`)
    );
    return name === undefined ? new Uint8Array(0) : Deno.readFileSync(`${dir.path}/${name}`);
  };
  for (const { connection: { client, listener }, sent } of traffic.conversations) {
    assertEquals(flow(client.port, listener.port), sent.client);
    assertEquals(flow(listener.port, client.port), sent.backend);
  }
});

withTools(
  ["capinfos"],
  "capinfos shows the application, the interface and the start time",
  async () => {
    using dir = tempDir();
    const file = `${dir.path}/dump.pcapng`;
    const format = createPcapng({ application: "balance 4.0.0", side: "both" });
    Deno.writeFileSync(
      file,
      joinBytes([format.start(START), format.open(connectionOf(1), START), format.lost(5, START)]),
    );
    const { stdout, stderr, code } = await run("capinfos", [file]);
    assertEquals([code, stderr], [0, ""]);
    for (
      const line of [
        /^File type: +Wireshark\/\.\.\. - pcapng$/m,
        /^File encapsulation: +Raw IP$/m,
        /^File timestamp precision: +microseconds \(6\)$/m,
        /^Capture application: balance 4\.0\.0$/m,
        /Name = both$/m,
        /Number of stat entries = 1$/m,
        /^First packet time: +2026-11-22 06:03:20\.123456$/m,
      ]
    ) assertMatch(stdout, line);
  },
);
