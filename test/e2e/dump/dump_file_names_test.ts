/** What the name of a dump file means, and what happens to a file that exists. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { run } from "../../helpers/dump/capture_tools.ts";
import { named } from "../../helpers/net/backends.ts";
import { ask } from "../../helpers/net/client.ts";
import { command, controlSession } from "../../helpers/net/control_socket.ts";
import { runBalance, startBalance } from "../../helpers/program/start_balance.ts";
import { startControlled } from "../../helpers/program/start_controlled.ts";
import { latin1FromBytes } from "../../helpers/golden/golden.ts";
import { t, until, untilStill, withTools } from "../../helpers/t.ts";
import { exists, tempDir } from "../../helpers/temp_dir.ts";

/** Runs balance with a dump for one connection. */
async function dumpOnce(...options: string[]): Promise<void> {
  await using server = named("B0");
  await using balance = await startBalance(["-f", ...options, "PORT", server.address]);
  assertEquals(await ask(balance.port), "B0");
  await balance.stop();
}

t("an unknown extension of the dump file is an error, unless a format is given", async () => {
  using dir = tempDir();
  const known = "want .txt .log .hex .json .jsonl .pcapng, or choose a format";
  const refused = [
    [`${dir.path}/x.pcap`, "the format pcap is not supported, name it .pcapng"],
    [`${dir.path}/x.csv`, `unknown extension .csv: ${known}`],
  ] as const;
  for (const [file, reason] of refused) {
    const { code, stderr } = await runBalance(["-f", "--dump-file", file, "PORT", "127.0.0.1:1"]);
    assertEquals(code, 64);
    assertStringIncludes(stderr, `balance: invalid dump file [${file}]: ${reason}\n`);
    assert(!exists(file));
  }
  await using server = named("B0");
  await using balance = await startControlled(["-f", "PORT", server.address]);
  using session = await controlSession(balance.socket);
  for (const [file, reason] of refused) {
    const { text, failed } = await session.ask(`dump on ${file}`);
    assertEquals([text, failed], [`invalid dump file [${file}]: ${reason}\n`, true]);
  }
  const [file] = refused[0];
  assertEquals(await command(session, `dump on hex ${file}`), `dump on: hex to ${file}\n`);
  for (const [name, format] of [["x", "text"], ["x.log", "text"], ["x.json.1", "json"]]) {
    const path = `${dir.path}/${name}`;
    assertEquals(await command(session, `dump on ${path}`), `dump on: ${format} to ${path}\n`);
  }
});

withTools(["mkfifo"], "a named pipe or a device may have any name", async () => {
  using dir = tempDir();
  const pipe = `${dir.path}/pipe.of.mine`;
  await run("mkfifo", [pipe]);
  const reader = new Deno.Command("cat", { args: [pipe], stdout: "piped" }).spawn();
  const output = reader.output();
  await dumpOnce("--dump-file", pipe);
  assertEquals(new TextDecoder().decode((await output).stdout), "-< 3\nB0\\0A\n\n-> 0\n\n");
  await dumpOnce("--dump-file", "/dev/null");
});

t("--dump-file /dev/stdout is standard output", async () => {
  await using server = named("B0");
  await using balance = await startBalance(
    ["-f", "--dump-file", "/dev/stdout", "PORT", server.address],
  );
  assertEquals(await ask(balance.port), "B0");
  await balance.stop();
  assertEquals(balance.stdout, "-< 3\nB0\\0A\n\n-> 0\n\n");
  const { code, stderr } = await runBalance(["--dump-file", "/dev/stdout", "PORT", "127.0.0.1:1"]);
  assertEquals(code, 64);
  assertStringIncludes(stderr, "needs -f");
});

t("a restart, or dump on, appends to the dump file", async () => {
  using dir = tempDir();
  for (const extension of ["txt", "hex", "json", "pcapng"]) {
    const file = `${dir.path}/x.${extension}`;
    await dumpOnce("--dump-file", file);
    const first = Deno.readFileSync(file);
    assert(first.length > 0);
    await dumpOnce("--dump-file", file);
    const both = Deno.readFileSync(file);
    assertEquals(both.subarray(0, first.length), first, extension);
    assert(both.length >= 2 * first.length - 100, extension);
    await using server = named("B0");
    await using balance = await startControlled(["-f", "PORT", server.address]);
    using session = await controlSession(balance.socket);
    await command(session, `dump on ${file}`);
    assertEquals(await ask(balance.port), "B0");
    await command(session, "dump off");
    const all = Deno.readFileSync(file);
    assertEquals(all.subarray(0, both.length), both, extension);
    assert(all.length > both.length, extension);
  }
  assertEquals(Array.from(Deno.readDirSync(dir.path)).length, 4);
});

withTools(["tshark", "capinfos"], "tshark and capinfos read an appended pcapng file", async () => {
  using dir = tempDir();
  const file = `${dir.path}/x.pcapng`;
  const frames = async () => {
    const { stdout } = await run("tshark", ["-r", file, "-T", "fields", "-e", "frame.number"]);
    return stdout.trimEnd().split("\n").length;
  };
  await dumpOnce("--dump-file", file);
  const once = await frames();
  assert(once > 5);
  await dumpOnce("--dump-file", file);
  assertEquals(await frames(), 2 * once);
  const { code, stdout } = await run("capinfos", ["-c", file]);
  assertEquals(code, 0);
  assertStringIncludes(stdout, `${2 * once}`);
});

t("a file that is not pcapng, or not complete, is moved aside and not lost", async () => {
  using dir = tempDir();
  const file = `${dir.path}/x.pcapng`;
  Deno.writeTextFileSync(file, "something else");
  await dumpOnce("--dump-file", file);
  assertEquals(Deno.readTextFileSync(`${file}.1`), "something else");
  const cut = Deno.readFileSync(file).slice(0, -5);
  Deno.writeFileSync(file, cut);
  await dumpOnce("--dump-file", file);
  assertEquals(Deno.readFileSync(`${file}.1`), cut);
  assertEquals(Deno.readTextFileSync(`${file}.2`), "something else");
  assertEquals(Deno.readFileSync(file).subarray(0, 4), Uint8Array.of(10, 13, 13, 10));
});

withTools(["tshark"], "a pcapng file that was emptied (copytruncate) starts again", async () => {
  using dir = tempDir();
  const file = `${dir.path}/x.pcapng`;
  await using server = named("B0");
  await using balance = await startBalance(["-f", "--dump-file", file, "PORT", server.address]);
  for (let i = 0; i < 3; i++) {
    assertEquals(await ask(balance.port), "B0");
    const text = () => latin1FromBytes(Deno.readFileSync(file));
    await until(() => text().includes("B0\n"), { what: "the answer in the file" });
    // Otherwise, the end of this connection would be in the next file.
    await untilStill(() => Deno.statSync(file).size, { what: "the end of the conversation" });
    Deno.copyFileSync(file, `${file}.${i}`);
    Deno.truncateSync(file);
  }
  assertEquals(await ask(balance.port), "B0");
  await balance.stop();
  for (const name of [`${file}.0`, `${file}.1`, `${file}.2`, file]) {
    const { stdout } = await run("tshark", ["-r", name, "-T", "fields", "-e", "tcp.payload"]);
    assertStringIncludes(stdout, "42300a", name);
  }
});
