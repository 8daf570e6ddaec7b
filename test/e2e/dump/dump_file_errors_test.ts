import { assert, assertEquals, assertMatch } from "@std/assert";
import { assertSameBytes, randomBytes } from "../../helpers/bytes.ts";
import { noDissector, run } from "../../helpers/dump/capture_tools.ts";
import { echo } from "../../helpers/net/backends.ts";
import { connect, readToEnd } from "../../helpers/net/client.ts";
import { runBalance, startBalance } from "../../helpers/program/start_balance.ts";
import { t, until, withTools } from "../../helpers/t.ts";
import { tempDir } from "../../helpers/temp_dir.ts";

withTools(
  ["tshark"],
  "the dump of a balance that was killed during a write can be opened",
  async () => {
    using dir = tempDir();
    const file = `${dir.path}/killed.pcapng`;
    await using server = echo();
    await using balance = await startBalance(["-f", "--dump-file", file, "PORT", server.address]);
    const data = randomBytes(100_000_000, 5);
    await using client = await connect(balance.port);
    const sending = client.send(data).catch(() => {});
    const reading = readToEnd(client, { limit: data.length }).catch(() => {});
    await until(() => Deno.statSync(file).size > 3_000_000, { timeoutMs: 20_000 });
    await balance.stop("SIGKILL");
    await Promise.all([sending, reading]);
    const { code, stderr, stdout } = await run("tshark", [
      ...["-r", file, ...noDissector(balance.port), "-Y", "tcp.dstport == " + balance.port],
      ...["-T", "fields", "-e", "tcp.payload"],
    ]);
    assert(code === 0 || /cut short in the middle of a packet/.test(stderr), stderr);
    const got = Uint8Array.fromHex(stdout.replaceAll("\n", ""));
    assert(got.length > 1_000_000, `${got.length} bytes`);
    assertSameBytes(got, data.subarray(0, got.length));
  },
);

t("a dump file that cannot be opened ends the start with one line and exit code 73", async () => {
  using dir = tempDir();
  const absent = `${dir.path}/absent`;
  for (const argv of [["-f"], []]) {
    for (const name of ["x.pcapng", "%n.json"]) {
      const { code, stderr, stdout } = await runBalance([
        ...[...argv, "--dump-file", `${absent}/${name}`, "PORT", "127.0.0.1:1"],
      ]);
      assertEquals([code, stdout], [73, ""]);
      assertMatch(stderr, /^balance: cannot write dump file \[.*\/absent\/.*\]: [Nn]o such .*\n$/);
      assertEquals(stderr.split("\n").length, 2);
    }
  }
  const device = await runBalance(["-f", "--dump-file", "/dev/full", "PORT", "127.0.0.1:1"]);
  assertEquals([device.code, device.stderr], [
    73,
    "balance: cannot write dump file [/dev/full]: not allowed below /dev, /proc and /sys\n",
  ]);
  // After another error the file of the previous run is unchanged.
  Deno.writeTextFileSync(`${dir.path}/kept.json`, "kept");
  const { code } = await runBalance([
    ...["-f", "--dump-file", `${dir.path}/kept.json`, "PORT", "no.such.host.invalid"],
  ]);
  assertEquals([code, Deno.readTextFileSync(`${dir.path}/kept.json`)], [65, "kept"]);
});
