/** `send-proxy` of the configuration file, and of channels that operators create. */

import { assertEquals, assertMatch } from "@std/assert";
import { readText } from "../../helpers/net/client.ts";
import { talk } from "../../helpers/net/control_socket.ts";
import { startConfigured } from "../../helpers/reload/start_configured.ts";
import { runBalance } from "../../helpers/program/start_balance.ts";
import { startControlled } from "../../helpers/program/start_controlled.ts";
import { dial } from "../../helpers/proxy_protocol/dial.ts";
import { headerBackend } from "../../helpers/proxy_protocol/header_backend.ts";
import { t } from "../../helpers/t.ts";
import { tempDir } from "../../helpers/temp_dir.ts";

/** Connects so often that each worker has served a client. */
async function connectOften(port: number): Promise<void> {
  for (let i = 0; i < 12; i++) {
    using client = await dial("127.0.0.1", port, "x");
    assertEquals(await readText(client.conn, 1), "x");
  }
}

t("a reload changes the header of all channels, and of one, for new connections", async () => {
  await using one = headerBackend();
  await using web = await startConfigured(["send-proxy v1", one.address]);
  /** The forms since the last call. */
  let seen = 0;
  const forms = async () => {
    await connectOften(web.balance.port);
    const found = one.headers.slice(seen).map(({ version, tlvs }) => `v${version}+${tlvs.length}`);
    seen = one.headers.length;
    return [found.length, ...new Set(found)];
  };
  assertEquals(await forms(), [12, "v1+0"]);
  using open = await dial("127.0.0.1", web.balance.port, "x");
  assertEquals(await readText(open.conn, 1), "x");
  seen = one.headers.length;
  assertEquals(await web.reload("send-proxy v2", one.address), "reloaded: send-proxy changed");
  assertEquals(await forms(), [12, "v2+0"]);
  const changed = "reloaded: 1 channel changed";
  assertEquals(await web.reload("send-proxy v2", `${one.address},send-proxy=v2,id`), changed);
  assertEquals(await forms(), [12, "v2+1"]);
  assertEquals(await web.reload("send-proxy v2", `${one.address},send-proxy=v1`), changed);
  assertEquals(await forms(), [12, "v1+0"]);
  assertEquals(await web.reload("send-proxy v2", one.address), changed);
  assertEquals(await forms(), [12, "v2+0"]);
  assertEquals(one.faults, []);
  assertMatch(
    await web.reload("send-proxy v3", one.address),
    /nothing has changed: .*web\.conf:1: invalid --send-proxy \[v3\]: want v1, v2, v2,id or none/,
  );
  assertMatch(
    await web.reload(`${one.address},send-proxy=id`),
    /nothing has changed: .*web\.conf:1: .*invalid attribute \[send-proxy=id\]/,
  );
  assertEquals(await forms(), [12, "v2+0"]);
  // What was open has not been touched.
  await open.conn.write(new TextEncoder().encode("y"));
  assertEquals(await readText(open.conn, 1), "y");
});

t("channels keep their headers when they get other numbers", async () => {
  await using a = headerBackend();
  await using b = headerBackend();
  const lines = [`${a.address},send-proxy=v1`, `${b.address},send-proxy=v2`];
  await using web = await startConfigured(lines);
  await connectOften(web.balance.port);
  await web.reload(...lines.toReversed());
  await connectOften(web.balance.port);
  assertEquals(new Set(a.headers.map(({ version }) => version)), new Set([1]));
  assertEquals(new Set(b.headers.map(({ version }) => version)), new Set([2]));
  assertEquals([a.headers.length, b.headers.length], [12, 12]);
});

t("a channel that was created with a header has it after a restart with --state", async () => {
  using dir = tempDir();
  await using server = headerBackend();
  const argv = ["-f", "--state", `${dir.path}/state`, "PORT", "127.0.0.1:1", "!", "127.0.0.1:1"];
  for (const isFirst of [true, false]) {
    await using balance = await startControlled(argv, { expectStderr: "any" });
    if (isFirst) {
      const commands = [
        `create 127.0.0.1 ${server.port} send-proxy=v2,id`,
        ...["enable 1", "disable 0", "save"],
      ];
      await talk(balance.socket, `${commands.join("\n")}\n`);
    }
    await connectOften(balance.port);
    await balance.stop();
  }
  assertEquals(server.headers.map(({ tlvs }) => tlvs.length), Array(24).fill(1));
});

t("a wrong value is a usage error that names it", async () => {
  for (
    const [argv, reason] of [
      [
        ["--send-proxy", "v3", "80", "a"],
        /invalid --send-proxy \[v3\]: want v1, v2, v2,id or none/,
      ],
      [["80", "a,send-proxy=yes"], /channel \[a,send-proxy=yes\]: invalid attribute/],
      [["80", "a,send-proxy=v1,send-proxy=v2"], /send-proxy is given twice/],
    ] as const
  ) {
    const { code, stderr } = await runBalance(["-f", ...argv]);
    assertEquals(code, 64);
    assertMatch(stderr, reason);
  }
});
