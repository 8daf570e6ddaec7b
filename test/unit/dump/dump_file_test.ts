import { joinBytes } from "../../../lib/base/bytes.ts";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { UsageError } from "../../../lib/base/errors.ts";
import { DumpFile, type DumpFileOptions, openDumpFile } from "../../../lib/dump/dump_file.ts";
import { createPcapng } from "../../../lib/dump/formats/pcapng.ts";
import { fileTime } from "../../../lib/dump/formats/times.ts";
import { connectionOf, START } from "../../helpers/dump/generated_traffic.ts";
import { readPackets } from "../../helpers/dump/pcapng.ts";
import { skip, t, tool, until, within } from "../../helpers/t.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

/** A temporary folder and the contents of its files. */
function folder() {
  const path = Deno.makeTempDirSync({ prefix: "balance-dump-" });
  const names = () => Array.from(Deno.readDirSync(path), ({ name }) => name).sort();
  return {
    path,
    names,
    read: (name: string) => Deno.readTextFileSync(`${path}/${name}`),
    all: () =>
      Object.fromEntries(names().map((name) => [name, Deno.readTextFileSync(`${path}/${name}`)])),
    [Symbol.dispose]: () => Deno.removeSync(path, { recursive: true }),
  };
}

/** Options whose header is the number of the file, and the errors reported so far. */
function options(more: Partial<DumpFileOptions> = {}) {
  let files = 0;
  const errors: string[] = [];
  return {
    port: 8080,
    header: () => bytes(`<${++files}>`),
    onError: (error: Error) => void errors.push(error.message),
    errors,
    ...more,
  };
}

t(
  "DumpFile writes header and records in order to a file of mode 0600",
  async () => {
    using dir = folder();
    const file = await openDumpFile(`${dir.path}/d-%p-%n`, options({ connection: 3 }));
    assertEquals(file.path, `${dir.path}/d-8080-3`);
    for (const word of ["one ", "two ", "three"]) assert(file.write(() => bytes(word)));
    await file.close();
    assertEquals(dir.all(), { "d-8080-3": "<1>one two three" });
    assertEquals(Deno.statSync(file.path).mode! & 0o777, 0o600);
    assertEquals(file.write(() => bytes("late")), false);
  },
);

t(
  "DumpFile moves a file aside that it cannot continue: who has it open sees no new data",
  async () => {
    using dir = folder();
    const path = `${dir.path}/d`;
    Deno.writeTextFileSync(path, "old", { mode: 0o644 });
    using old = Deno.openSync(path);
    const file = await openDumpFile(path, options({ format: "pcapng" }));
    await file.close();
    assertEquals(dir.read("d"), "<1>");
    assertEquals(Deno.statSync(path).mode! & 0o777, 0o600);
    assertEquals(new TextDecoder().decode(await new Response(old.readable).bytes()), "old");
  },
);

t("openDumpFile() reports why it cannot create a file", async () => {
  using dir = folder();
  for (const path of [`${dir.path}/absent/d`, dir.path]) {
    const error = await assertRejects(() => openDumpFile(path, options()), Error);
    assert(error.message.startsWith(`cannot write dump file [${path}]: `), error.message);
  }
  await assertRejects(() => openDumpFile(`${dir.path}/%x`, options()), UsageError, "%x");
  await assertRejects(() => openDumpFile(`${dir.path}/%n`, options()), UsageError, "%n");
});

t(
  "DumpFile starts a new file at the size limit, and keeps the configured number of files",
  async () => {
    using dir = folder();
    const file = await openDumpFile(`${dir.path}/d`, options({ rotate: { bytes: 8, count: 3 } }));
    for (let i = 0; i < 9; i++) {
      file.write(() => bytes(`rec${i} `));
      if (i === 3) await file.flush();
    }
    await file.close();
    // Header and one record reach the size limit: each record goes into a new file.
    assertEquals(dir.all(), { "d": "<9>rec8 ", "d.1": "<8>rec7 ", "d.2": "<7>rec6 " });
  },
);

t(
  "DumpFile keeps a file that it cannot continue, even if the rotation keeps one file",
  async () => {
    using dir = folder();
    Deno.writeTextFileSync(`${dir.path}/a`, "old");
    Deno.writeTextFileSync(`${dir.path}/b`, "old");
    for (const [name, count] of [["a", 1], ["b", 2]] as const) {
      const to = options({ format: "pcapng", rotate: { bytes: 1000, count } });
      await (await openDumpFile(`${dir.path}/${name}`, to)).close();
    }
    assertEquals(dir.all(), { "a": "<1>", "a.1": "old", "b": "<1>", "b.1": "old" });
  },
);

t(
  "DumpFile with %t in the name gives each file its own time, and removes surplus files",
  async () => {
    using dir = folder();
    let now = START;
    const file = await openDumpFile(
      `${dir.path}/d-%t`,
      options({ rotate: { bytes: 4, count: 3 }, now: () => now }),
    );
    for (let i = 0; i < 5; i++) {
      file.write(() => bytes(`rec${i}`));
      if (i === 2) now += 1_000_000;
    }
    await file.close();
    const [first, second] = [fileTime(START), fileTime(now)];
    assertEquals(dir.all(), {
      [`d-${first}-3`]: "<3>rec2",
      [`d-${second}`]: "<4>rec3",
      [`d-${second}-2`]: "<5>rec4",
    });
  },
);

t("DumpFile asks for the header before the first record of a new file", async () => {
  using dir = folder();
  const format = createPcapng();
  const file = await openDumpFile(`${dir.path}/d`, {
    ...options({ rotate: { bytes: 20_000, count: 100 } }),
    header: (time) => format.start(time),
  });
  const connections = [1, 2, 3].map((id) => connectionOf(id));
  const sent = connections.map(() => [] as Uint8Array[]);
  for (let i = 0; i < 90; i++) {
    const chunk = crypto.getRandomValues(new Uint8Array(1000 + i));
    sent[i % 3]!.push(chunk);
    const data = { direction: "client", bytes: chunk, time: START + i } as const;
    file.write(() => format.data(connections[i % 3]!, data), { droppable: true });
  }
  await file.close();
  const names = dir.names().sort((a, b) =>
    Number(b.split(".")[1] ?? 0) - Number(a.split(".")[1] ?? 0)
  );
  assert(names.length > 3);
  const packets = names.flatMap((name) => {
    const content = Deno.readFileSync(`${dir.path}/${name}`);
    assert(content.length < 22_000);
    const found = readPackets(content);
    const introduced = found.filter(({ flags }) => flags === "S").length;
    assert(introduced === 3 || name === "d", `${introduced} handshakes in ${name}`);
    return found;
  });
  for (const [index, { client }] of connections.entries()) {
    const got = packets.filter(({ from }) => from.endsWith(`:${client.port}`));
    assertEquals(joinBytes(got.map(({ payload }) => payload)), joinBytes(sent[index]!));
  }
});

t(
  "DumpFile.reopen() creates a file that was renamed, and keeps one that is still in place",
  async () => {
    using dir = folder();
    const file = await openDumpFile(`${dir.path}/d`, options());
    file.write(() => bytes("one "));
    file.reopen();
    file.write(() => bytes("two "));
    await file.flush();
    Deno.renameSync(`${dir.path}/d`, `${dir.path}/moved`);
    file.write(() => bytes("three "));
    file.reopen();
    file.reopen();
    file.write(() => bytes("four "));
    await file.flush();
    // Like logrotate with "create".
    Deno.renameSync(`${dir.path}/d`, `${dir.path}/moved too`);
    Deno.writeTextFileSync(`${dir.path}/d`, "new ");
    file.reopen();
    file.write(() => bytes("five "));
    await file.close();
    file.reopen();
    assertEquals(dir.all(), {
      moved: "<1>one two three ",
      "moved too": "<2>four ",
      d: "new <3>five ",
    });
  },
);

t("DumpFile continues an existing file, and counts its bytes for the rotation", async () => {
  using dir = folder();
  Deno.writeTextFileSync(`${dir.path}/d`, "12345678");
  const file = await openDumpFile(
    `${dir.path}/d`,
    options({ rotate: { bytes: 14, count: 5 } }),
  );
  await file.flush();
  for (const record of ["one", "two"]) file.write(() => bytes(record));
  await file.close();
  assertEquals(dir.all(), { "d.1": "12345678\n<1>one", d: "<2>two" });
});

t("DumpFile moves a file aside that it cannot continue, and deletes none", async () => {
  using dir = folder();
  for (const name of ["d", "d.1", "d.2"]) {
    Deno.writeTextFileSync(`${dir.path}/${name}`, `old ${name}`);
  }
  const to = options({ format: "pcapng" });
  await (await openDumpFile(`${dir.path}/d`, to)).close();
  assertEquals(dir.all(), { d: "<1>", "d.1": "old d", "d.2": "old d.1", "d.3": "old d.2" });
});

t("DumpFile keeps as many files as the rotation allows when it moves one aside", async () => {
  using dir = folder();
  for (const name of ["d", "d.1", "d.2"]) {
    Deno.writeTextFileSync(`${dir.path}/${name}`, `old ${name}`);
  }
  const rotate = { bytes: 1000, count: 3 };
  const to = options({ format: "pcapng", rotate });
  await (await openDumpFile(`${dir.path}/d`, to)).close();
  assertEquals(dir.all(), { d: "<1>", "d.1": "old d", "d.2": "old d.1" });
});

/** Writes a record and waits until it is in the file. */
async function writeNow(file: DumpFile, text: string): Promise<void> {
  file.write(() => bytes(text));
  await file.flush();
}

t("DumpFile goes on at the start of a file that was emptied (copytruncate)", async () => {
  using dir = folder();
  const path = `${dir.path}/d`;
  const rotate = { bytes: 12, count: 9 };
  const file = await openDumpFile(path, options({ rotate }));
  const write = (text: string) => writeNow(file, text);
  await write("one");
  Deno.truncateSync(path);
  await write("two");
  await write("three");
  assertEquals(dir.all(), { d: "twothree" });
  await write("four");
  await write("five");
  await file.close();
  assertEquals(dir.all(), { "d.1": "twothreefour", d: "<2>five" });
});

t("DumpFile starts a pcapng file again that was emptied", async () => {
  using dir = folder();
  const path = `${dir.path}/d`;
  const file = await openDumpFile(
    path,
    options({ format: "pcapng", rotate: { bytes: 14, count: 9 } }),
  );
  const write = (text: string) => writeNow(file, text);
  await write("one");
  Deno.truncateSync(path);
  await write("two");
  Deno.truncateSync(path);
  await write("three");
  await write("four");
  assertEquals(dir.all(), { d: "<3>threefour" });
  await write("five");
  await write("six");
  await file.close();
  assertEquals(dir.all(), { "d.1": "<3>threefourfive", d: "<4>six" });
});

t("DumpFile reports the first error, drops records, and resumes after reopen()", async () => {
  using dir = folder();
  const path = `${dir.path}/d`;
  Deno.symlinkSync("/dev/full", path);
  const to = options({ header: () => bytes("<head>") });
  const file = new DumpFile(path, to);
  await file.flush();
  assertEquals(to.errors.length, 1);
  assert(to.errors[0]!.includes(`[${path}]: No space left on device`), to.errors[0]);
  assertEquals(file.write(() => bytes("lost")), false);
  assertEquals(file.dropped, 1);
  assertEquals(file.room(), undefined);
  Deno.removeSync(path);
  Deno.writeTextFileSync(path, "cut recor");
  file.reopen();
  assert(file.write(() => bytes("again")));
  await file.close();
  assertEquals(dir.all(), { d: "<head>again", "d.1": "cut recor" });
  assertEquals(to.errors.length, 1);
});

const pipeTest = tool("mkfifo") === undefined
  ? (name: string, _fn: () => Promise<void>) => skip(name, "mkfifo is not installed")
  : t;

/** The output of cksum(1) for these bytes. */
async function cksum(input: Uint8Array): Promise<string> {
  const child = new Deno.Command("cksum", { stdin: "piped", stdout: "piped" }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(input as Uint8Array<ArrayBuffer>);
  await writer.close();
  return new TextDecoder().decode((await child.output()).stdout);
}

/**
 * A named pipe with a reader in another process: Deno 2.6 blocks while it opens one.
 *
 * @param script Shell script of the reader; `$0` is the pipe.
 */
async function pipeWith(script: string, path: string) {
  const { success } = await new Deno.Command("mkfifo", { args: [path] }).output();
  assert(success);
  const child = new Deno.Command("sh", {
    args: ["-c", script, path],
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
    signal: AbortSignal.timeout(20_000),
  }).spawn();
  const go = child.stdin.getWriter();
  return {
    /** Lets a reader continue that waits for a line of input. */
    go: () => go.write(bytes("\n")),
    /** Everything the reader printed, after the pipe was closed. */
    async output() {
      await go.close();
      const { stdout } = await child.output();
      return stdout;
    },
  };
}

pipeTest(
  "DumpFile with overflow block makes senders wait for a slow reader, and loses nothing",
  async () => {
    using dir = folder();
    const path = `${dir.path}/pipe`;
    const reader = await pipeWith('exec 3<"$0"; read go; cksum <&3', path);
    const file = await openDumpFile(
      path,
      options({ queueBytes: 200_000, rotate: { bytes: 1, count: 2 } }),
    );
    const record = new Uint8Array(50_000).fill(120);
    let written = 0;
    const sender = (async () => {
      for (let i = 0; i < 40; i++) {
        assert(file.write(() => record, { droppable: true }));
        written++;
        await file.room();
      }
      await file.close();
    })();
    await until(() => file.room() !== undefined, { what: "the queue to fill" });
    // The queue, the pipe's own buffer, and one record that was accepted before.
    assert(written <= 6, `${written}`);
    await reader.go();
    await within(sender, { timeoutMs: 5000, what: "the reader" });
    const output = new TextDecoder().decode(await reader.output());
    assertEquals(output, await cksum(joinBytes([bytes("<1>"), ...Array(40).fill(record)])));
    assertEquals(file.dropped, 0);
    assertEquals(dir.names(), ["pipe"]);
  },
);

pipeTest(
  "DumpFile with overflow drop drops chunks first, then other records, and counts them",
  async () => {
    using dir = folder();
    const path = `${dir.path}/pipe`;
    const reader = await pipeWith('cat "$0"', path);
    const file = await openDumpFile(path, options({ queueBytes: 1000, overflow: "drop" }));
    const chunk = () => file.write(() => new Uint8Array(600).fill(99), { droppable: true });
    const other = () => file.write(() => new Uint8Array(600).fill(111));
    // Nothing is written before the next await.
    assertEquals([chunk(), chunk(), chunk(), chunk()], [true, true, false, false]);
    assertEquals([other(), other(), other()], [true, true, false]);
    assertEquals(file.dropped, 3);
    assertEquals(file.room(), undefined);
    await file.flush();
    assert(chunk());
    await file.close();
    const got = new TextDecoder().decode(await reader.output());
    assertEquals(got, "<1>" + "c".repeat(1200) + "o".repeat(1200) + "c".repeat(600));
  },
);

pipeTest("openDumpFile() reports why it cannot open a named pipe", async () => {
  using dir = folder();
  const path = `${dir.path}/pipe`;
  await new Deno.Command("mkfifo", { args: [path] }).output();
  const module = new URL("../../../lib/dump/dump_file.ts", import.meta.url);
  Deno.writeTextFileSync(
    `${dir.path}/open.ts`,
    `import { openDumpFile } from "${module}";
    const header = () => new Uint8Array();
    const options = { port: 1, header, onError: (error) => console.log("later", error.message) };
    await openDumpFile("${path}", options).catch((error) => console.log(error.message));`,
  );
  // Root may write every pipe, but not without the permission of the runtime.
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--quiet", "--no-prompt", "--no-lock", "--cached-only", "--allow-read"],
      ...["--config", new URL("../../../deno.json", import.meta.url).pathname],
      `${dir.path}/open.ts`,
    ],
    signal: AbortSignal.timeout(20_000),
  }).output();
  const printed = new TextDecoder().decode(stdout);
  assert(printed.startsWith(`cannot write dump file [${path}]: `), printed);
});

pipeTest("DumpFile reports a broken pipe when the reader has left", async () => {
  using dir = folder();
  const path = `${dir.path}/pipe`;
  const reader = await pipeWith('exec 3<"$0"; read go', path);
  const to = options();
  const file = await openDumpFile(path, to);
  await file.flush();
  await reader.go();
  await reader.output();
  file.write(() => bytes("x"));
  await file.flush();
  assertEquals(to.errors.length, 1);
  assert(to.errors[0]!.includes("Broken pipe"), to.errors[0]);
  await file.close();
});

t("DumpFile writes to standard output and leaves it open", async () => {
  const module = new URL("../../../lib/dump/dump_file.ts", import.meta.url);
  const script = `
    import { openDumpFile } from "${module}";
    const bytes = (text) => new TextEncoder().encode(text);
    const file = await openDumpFile("-", {
      port: 1, rotate: { bytes: 1, count: 2 }, header: () => bytes("<head>"), onError: console.error,
    });
    file.write(() => bytes("one "));
    file.reopen();
    file.write(() => bytes("two"));
    await file.close();
    console.log(" still open");
  `;
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--quiet", "--no-lock", "--cached-only", script],
    stdin: "null",
    env: { DENO_NO_UPDATE_CHECK: "1" },
  }).output();
  assertEquals(new TextDecoder().decode(stderr), "");
  assertEquals(new TextDecoder().decode(stdout), "<head>one two still open\n");
});
