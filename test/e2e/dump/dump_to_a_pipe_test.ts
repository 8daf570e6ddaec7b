import { assertEquals, assertMatch } from "@std/assert";
import { noDissector, run } from "../../helpers/dump/capture_tools.ts";
import { named } from "../../helpers/net/backends.ts";
import { ask, connect, readText } from "../../helpers/net/client.ts";
import { freePort } from "../../helpers/net/ports.ts";
import { listensOn } from "../../helpers/net/tcp_sockets.ts";
import { program } from "../../helpers/program/program.ts";
import { runBalance, startBalance } from "../../helpers/program/start_balance.ts";
import { t, tool, until, within, withTools } from "../../helpers/t.ts";
import { tempDir } from "../../helpers/temp_dir.ts";

const encode = (text: string) => new TextEncoder().encode(text);
const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

withTools(["tshark"], "tshark reads the dump from a pipe while balance runs", async () => {
  await using server = named("B0");
  const port = freePort();
  const { command, args } = program({ cachedOnly: true });
  using rundir = tempDir();
  // As in README.md, with tshark instead of Wireshark.
  const balance = [
    ...[command, ...args, "-f", "--dump-format", "pcapng", "--dump-file", "-"],
    ...[String(port), server.address],
  ];
  const reader = [
    ...[tool("tshark")!, "-i", "-", "-l", "-n", "-T", "fields", "-e", "tcp.payload"],
    ...["-Y", "tcp.len > 0", "-c", "20", ...noDissector(port)],
  ];
  const child = new Deno.Command("/bin/sh", {
    args: [
      "-c",
      `{ ${quoted(balance)} | HOME=/proc/nonexistent ${quoted(reader)} 2> /dev/null; } 2>&1`,
    ],
    env: { BALANCE_RUNDIR: rundir.path, DENO_NO_UPDATE_CHECK: "1" },
    stdin: "null",
    stdout: "piped",
  }).spawn();
  const out = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  try {
    await until(() => listensOn(port), { timeoutMs: 10_000 });
    let seen = "";
    const next = async (lines: number) => {
      while (seen.split("\n").length <= lines) {
        const { value, done } = await within(out.read(), { timeoutMs: 15_000, what: "tshark" });
        if (done) throw new Error(`tshark has ended: ${seen}`);
        seen += value;
      }
    };
    await using client = await connect(port);
    assertEquals(await readText(client, 3), "B0\n");
    await next(1);
    await client.send("one");
    await next(3);
    assertEquals(seen, ["B0\n", "one", "one"].map((text) => encode(text).toHex() + "\n").join(""));
    // The reader ends after 20 packets, and then balance ends, without a message.
    await until(async () => {
      // Only the next write fails.
      await client.send("more").catch(() => {});
      return !listensOn(port);
    }, { timeoutMs: 15_000, everyMs: 50, what: "balance to end" });
    for (;;) {
      const { value, done } = await within(out.read(), { timeoutMs: 5000, what: "the end" });
      if (done) break;
      seen += value;
    }
    assertMatch(seen, /^[0-9a-f\n]*$/);
  } finally {
    if (listensOn(port)) await runBalance(["-c", "kill", "PORT"], { port, rundir: rundir.path });
    await out.cancel();
    await within(child.status, { timeoutMs: 10_000, what: "the pipeline to end" });
  }
});

/** Quotes words for a shell. */
function quoted(words: readonly string[]): string {
  return words.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(" ");
}

t("balance ends silently when the reader of a dump on stdout closes it", async () => {
  await using server = named("B0");
  await using balance = await startBalance([
    ...["-f", "--dump-format", "hex", "--dump-file", "-", "PORT", server.address],
  ]);
  assertEquals(await ask(balance.port), "B0");
  await balance.waitForStdout(/B0/);
  await balance.abandonStdout();
  await ask(balance.port).catch(() => {});
  const { code, stderr } = await within(balance.ended, { timeoutMs: 5000, what: "the end" });
  assertEquals([code, stderr], [0, ""]);
});

withTools(
  ["mkfifo"],
  "when the reader of a pipe closes it, only the dump ends, with one line on stderr",
  async () => {
    using dir = tempDir();
    const pipe = `${dir.path}/pipe`;
    await run("mkfifo", [pipe]);
    await using server = named("B0");
    const reader = new Deno.Command("cat", { args: [pipe], stdout: "piped" }).spawn();
    await using balance = await startBalance(["-f", "--dump-file", pipe, "PORT", server.address], {
      expectStderr: /^cannot write dump file \[\S+\]: Broken pipe, the dump is off\n$/,
    });
    assertEquals(await ask(balance.port), "B0");
    const out = reader.stdout.getReader();
    assertMatch(decode((await out.read()).value!), /^-< 3\nB0/);
    reader.kill("SIGKILL");
    await out.cancel();
    await reader.status;
    for (let i = 0; i < 3; i++) assertEquals(await ask(balance.port), "B0");
    await balance.waitForStderr(/the dump is off/);
    assertEquals(await ask(balance.port), "B0");
  },
);
