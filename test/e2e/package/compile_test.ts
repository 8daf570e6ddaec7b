import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { permissionFlags } from "../../../lib/system/permissions.ts";
import { parseArguments } from "../../../scripts/compile/arguments.ts";
import { cutStub, MAGIC } from "../../../scripts/compile/cut_stub.ts";
import { denoEnv } from "../../../scripts/compile/deno_env.ts";
import { checkDigest, sha256, writeSums } from "../../../scripts/compile/digest.ts";
import { COMPILE_FLAGS } from "../../../scripts/compile/flags.ts";
import { REGISTRY_STUB, registryStub } from "../../../scripts/compile/registry_stub.ts";
import { denoError } from "../../../scripts/compile/stage.ts";
import { stubTarget, TARGETS } from "../../../scripts/compile/targets.ts";
import { run } from "../../../scripts/system/command.ts";
import { ScriptError } from "../../../scripts/system/script_error.ts";
import { changelogVersion, mismatches, printedVersion } from "../../../scripts/version_match.ts";
import { skip, t } from "../../helpers/t.ts";

const encoder = new TextEncoder();

/**
 * A program as `deno compile` makes it: a stub, 24 bytes that belong to the stub but are cut off,
 * the payload, the trailer.
 */
function program(
  stub: Uint8Array,
  { length, magic = MAGIC }: { length?: bigint; magic?: string } = {},
): Uint8Array<ArrayBuffer> {
  const payload = encoder.encode(`${MAGIC}{"argv":[]}`);
  const bytes = new Uint8Array(stub.length + 24 + payload.length + 24);
  bytes.set(stub);
  bytes.set(payload, stub.length + 24);
  const trailer = stub.length + 24 + payload.length;
  bytes.set(encoder.encode(magic), trailer);
  new DataView(bytes.buffer).setBigUint64(
    trailer + 16,
    length ?? BigInt(payload.length + 24),
    true,
  );
  return bytes;
}

const STUB = encoder.encode("\x7fELF and all the rest of a runtime stub");

t("the stub is cut out of a compiled program", () => {
  assertEquals(cutStub(program(STUB)), STUB);
});

t("the stub is cut out of a view into a larger buffer", () => {
  const bytes = program(STUB);
  const larger = new Uint8Array(bytes.length + 20);
  larger.set(bytes, 10);
  assertEquals(cutStub(larger.subarray(10, 10 + bytes.length)), STUB);
});

t("a file without the magic in its trailer is refused", () => {
  const error = assertThrows(() => cutStub(program(STUB, { magic: "d3n0l4nx" })), ScriptError);
  assertStringIncludes(error.message, "no trailer of a compiled program");
  assertThrows(() => cutStub(new Uint8Array(0)), ScriptError, "no trailer");
  assertThrows(() => cutStub(new Uint8Array(23)), ScriptError, "no trailer");
});

for (const length of [0n, 24n, 40n, 60n, 83n, 84n, 2n ** 63n, 2n ** 64n - 1n]) {
  t(`a payload length of ${length} that leads to no payload is refused`, () => {
    const error = assertThrows(() => cutStub(program(STUB, { length })), ScriptError);
    assertStringIncludes(error.message, `no payload of [${length}] bytes`);
  });
}

t("bytes with another digest than the pinned one are refused, naming both", async () => {
  const expected = await sha256(STUB);
  await checkDigest(STUB, { expected, what: "stub" });
  const other = encoder.encode("something else");
  const error = await assertRejects(
    () => checkDigest(other, { expected, what: "stub of x" }),
    ScriptError,
  );
  assertEquals(
    error.message,
    `Refused [stub of x]: SHA-256 is ${await sha256(other)}, expected ${expected}`,
  );
});

t("the stub of the registry is pinned", () => {
  assertEquals(
    REGISTRY_STUB.sha256,
    "1585014fcc9aeabe439a7c2c177c423cfc7b326c16f1a94f4bd65ab53d0b20df",
  );
  assertEquals(REGISTRY_STUB.sources.map((source) => source.package), [
    "@dgellow/rfc-linux-x64@0.0.6",
    "@mcp-stress/linux-x64@0.2.1",
  ]);
});

/** Runs {@linkcode registryStub} on packages made up here; undefined is one that cannot be had. */
async function fetchStub(
  cache: string,
  packages: (Uint8Array<ArrayBuffer> | undefined)[],
): Promise<{ asked: string[]; said: string[]; path: string | undefined; reason: string }> {
  const asked: string[] = [];
  const said: string[] = [];
  const result = await registryStub({
    cache,
    report: (text) => said.push(text),
    expected: await sha256(STUB),
    get: (source) => {
      const found = packages[asked.length];
      asked.push(source.package);
      if (found === undefined) return Promise.reject(new ScriptError(`no ${source.package}`));
      return Promise.resolve(found);
    },
  });
  return {
    asked,
    said,
    path: result.path,
    reason: result.path === undefined ? result.reason : "",
  };
}

/** Calls a function with a temporary folder, which is removed afterwards. */
async function withFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

t("the stub of the registry is fetched once, and kept", async () => {
  await withFolder(async (cache) => {
    const first = await fetchStub(cache, [program(STUB)]);
    assertEquals(first.asked, ["@dgellow/rfc-linux-x64@0.0.6"]);
    assertStringIncludes(first.said.join("\n"), "@dgellow/rfc-linux-x64@0.0.6");
    assertEquals(await Deno.readFile(first.path ?? ""), STUB);
    const second = await fetchStub(cache, []);
    assertEquals([second.asked, second.said, second.path], [[], [], first.path]);
    assertEquals([...Deno.readDirSync(cache)].length, 1);
  });
});

t("a kept stub that was changed is not used but fetched again", async () => {
  await withFolder(async (cache) => {
    const { path = "" } = await fetchStub(cache, [program(STUB)]);
    await Deno.writeTextFile(path, "something else");
    const again = await fetchStub(cache, [program(STUB)]);
    assertEquals(again.asked.length, 1);
    assertStringIncludes(again.said[0] ?? "", "is damaged");
    assertEquals(await Deno.readFile(path), STUB);
  });
});

t("the second package serves when the first cannot be had", async () => {
  await withFolder(async (cache) => {
    const { asked, path } = await fetchStub(cache, [undefined, program(STUB)]);
    assertEquals(asked, ["@dgellow/rfc-linux-x64@0.0.6", "@mcp-stress/linux-x64@0.2.1"]);
    assertEquals(await Deno.readFile(path ?? ""), STUB);
  });
});

t("a package with another stub is an error at once, and nothing is kept", async () => {
  await withFolder(async (cache) => {
    const forged = program(encoder.encode("\x7fELF of somebody else"));
    await assertRejects(() => fetchStub(cache, [forged, program(STUB)]), ScriptError, "Refused");
    assertEquals([...Deno.readDirSync(cache)], []);
  });
});

t("without any package there is one reason for each", async () => {
  await withFolder(async (cache) => {
    const { path, reason } = await fetchStub(cache, [undefined, undefined]);
    assertEquals(path, undefined);
    assertEquals(reason, "no @dgellow/rfc-linux-x64@0.0.6; no @mcp-stress/linux-x64@0.2.1");
  });
});

t("the executable gets the least permissions and never prompts", () => {
  assertEquals(permissionFlags({ os: "linux", arch: "x86_64" }), [
    "--no-prompt",
    "--allow-net",
    "--allow-read",
    "--allow-write",
    "--allow-env=BALANCE_RUNDIR,BALANCE_SYSLOG,XDG_RUNTIME_DIR,NOTIFY_SOCKET",
    "--allow-sys",
    "--allow-ffi=/lib/x86_64-linux-gnu/libc.so.6,/usr/lib/x86_64-linux-gnu/libc.so.6," +
    "/lib64/libc.so.6,/usr/lib/libc.so.6",
    "--allow-run=/proc/self/exe",
  ]);
  assertEquals(COMPILE_FLAGS, [
    "--no-code-cache",
    "--no-check",
    "--cached-only",
    "--v8-flags=--max-semi-space-size=3,--heap-growing-percent=15",
  ]);
});

t("arguments of the compile task", () => {
  assertEquals(parseArguments([]), { targets: [], fromRegistry: false, help: false });
  assertEquals(parseArguments(["--all", "--from-registry"]), {
    targets: [...TARGETS],
    fromRegistry: true,
    help: false,
  });
  const linux = "aarch64-unknown-linux-gnu";
  const mac = "aarch64-apple-darwin";
  assertEquals(
    parseArguments(["--target", linux, `--target=${mac}`, "--target", linux]).targets,
    [linux, mac],
  );
});

for (
  const [args, message] of [
    [["--bogus"], "Unknown argument [--bogus]; see --help"],
    [["dist/x"], "Unknown argument [dist/x]; see --help"],
    [["--target", "x86_64-pc-windows-msvc"], "Unknown target [x86_64-pc-windows-msvc]; known are"],
    [["--target"], "Unknown target []; known are"],
    [["--all", "--target", TARGETS[0]], "Cannot use --all and --target together"],
  ] as const
) {
  t(`the compile task refuses ${args.join(" ")}`, () => {
    const error = assertThrows(() => parseArguments(args), ScriptError);
    assert(error.message.startsWith(message), error.message);
    assertEquals(error.exitCode, 2);
  });
}

t("a wrong argument ends the compile task with one line and code 2", async () => {
  const script = new URL("../../../scripts/compile/compile.ts", import.meta.url).pathname;
  const { code, stdout, stderr } = await run(
    [Deno.execPath(), "run", "--quiet", "-A", script, "--bogus"],
    { limit: 60_000 },
  );
  assertEquals(
    { code, stdout: stdout.length, stderr },
    { code: 2, stdout: 0, stderr: "compile: Unknown argument [--bogus]; see --help\n" },
  );
});

t("the kind of a stub is read from its head", () => {
  const elf = (machine: number) => {
    const head = new Uint8Array(64);
    head.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
    head[18] = machine;
    return head;
  };
  const mach = (cpu: number) => {
    const head = new Uint8Array(32);
    head.set([0xcf, 0xfa, 0xed, 0xfe, cpu, 0, 0, 1]);
    return head;
  };
  assertEquals(
    [elf(62), elf(183), mach(7), mach(12)].map((head) => stubTarget(head)),
    [...TARGETS],
  );
  assertEquals(stubTarget(elf(3)), undefined);
  assertEquals(stubTarget(encoder.encode("#!/bin/sh\nexec something\n")), undefined);
  assertEquals(stubTarget(new Uint8Array(0)), undefined);
});

t("nothing of the caller's settings for Deno gets into the executable", () => {
  const reach = { PATH: "/bin", HTTPS_PROXY: "http://proxy", DENO_TLS_CA_STORE: "system" };
  const shape = { DENO_CONDITIONS: "x", OTEL_DENO: "true", JSR_URL: "x", DENORT_BIN: "/x" };
  const { NO_COLOR: _, DENO_NO_UPDATE_CHECK: __, DENO_NO_PACKAGE_JSON: ___, ...rest } = denoEnv(
    { DENO_DIR: "/somewhere" },
    { ...reach, ...shape },
  );
  assertEquals(rest, { ...reach, DENO_DIR: "/somewhere" });
});

t("what Deno complains about becomes one line without the build's own folder", () => {
  const text = 'Download x\nerror: Module not found "file:///tmp/b/project/lib/x.ts".\n' +
    "    at file:///tmp/b/project/main.ts:2:25\n\nStack backtrace:\n   0: <unknown>\n";
  assertEquals(denoError(text, "/tmp/b"), 'Module not found "lib/x.ts". at main.ts:2:25');
  assertEquals(denoError("", "/tmp/b"), "no reason given");
});

t("a command that takes too long is ended with code 124", async () => {
  const { code } = await run([Deno.execPath(), "eval", "setInterval(() => {}, 1000)"], {
    limit: 300,
  });
  assertEquals(code, 124);
});

t("a program that is not there is named", async () => {
  await assertRejects(
    () => run(["balance-no-such-program"], { limit: 1000 }),
    ScriptError,
    "Cannot run [balance-no-such-program]: not found",
  );
});

t("SHA256SUMS lists the executables by name, and nothing else", async () => {
  await withFolder(async (folder) => {
    await assertRejects(() => writeSums(folder), ScriptError, "no files");
    for (const name of ["balance-x86_64-unknown-linux-gnu", "balance", "balance.tmp", "other"]) {
      await Deno.writeTextFile(`${folder}/${name}`, "abc");
    }
    const abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    const text = `${abc}  balance\n${abc}  balance-x86_64-unknown-linux-gnu\n`;
    assertEquals(await writeSums(folder), text);
    assertEquals(await Deno.readTextFile(`${folder}/SHA256SUMS`), text);
  });
});

t("the newest version of a changelog stands below [Unreleased]", () => {
  const text = "# Changelog\n\n## [Unreleased]\n\n### Added\n- 9.9.9\n\n## [4.1.0] - 2026-01-31\n" +
    "\n## [4.0.0] - 2025-12-01\n";
  assertEquals(changelogVersion(text), "4.1.0");
  assertEquals(changelogVersion("## 4.0.0-rc.1\n"), "4.0.0-rc.1");
  assertEquals(changelogVersion("# Changelog\n\n## [Unreleased]\n"), undefined);
  assertEquals(changelogVersion(""), undefined);
});

t("the version is found in what a program prints", () => {
  assertEquals(printedVersion("balance 4.0.0\n"), "4.0.0");
  assertEquals(printedVersion("usage\n"), undefined);
});

t("each place with another version is one line", () => {
  const all = { config: "4.0.0", changelog: "4.0.0", program: "4.0.0", tags: ["v4.0.0"] };
  assertEquals(mismatches(all), []);
  assertEquals(mismatches({ ...all, tags: [] }), []);
  assertEquals(
    mismatches({ config: "4.0.0", changelog: undefined, program: "3.9.0", tags: ["v4.0.1"] }),
    [
      "The git tag is [v4.0.1], deno.json has [4.0.0]",
      "CHANGELOG.md has [no version], deno.json has [4.0.0]",
      "--version prints [3.9.0], deno.json has [4.0.0]",
    ],
  );
  assertEquals(mismatches({ ...all, config: undefined }), ["deno.json has no version"]);
});

/** Copies the files that a build needs, each with the time of the copying. */
async function copyTree(from: string, to: string): Promise<void> {
  if ((await Deno.stat(from)).isFile) return await Deno.writeFile(to, await Deno.readFile(from));
  await Deno.mkdir(to, { recursive: true });
  for await (const { name } of Deno.readDir(from)) {
    await copyTree(`${from}/${name}`, `${to}/${name}`);
  }
}

const TWICE = "two builds from two folders, with two caches, are the same byte for byte";
if (Deno.env.get("BALANCE_TEST_COMPILE") === "1") t(TWICE, compileTwice);
else skip(TWICE, "it compiles twice; BALANCE_TEST_COMPILE=1 runs it");

async function compileTwice(): Promise<void> {
  const root = await Deno.realPath(`${import.meta.dirname}/../../..`);
  await withFolder(async (folder) => {
    const digests: string[] = [];
    for (const name of ["one", "another place"]) {
      const tree = `${folder}/${name}`;
      await Deno.mkdir(`${tree}/temporary`, { recursive: true });
      for (const part of ["main.ts", "deno.json", "deno.lock", "lib", "scripts"]) {
        await copyTree(`${root}/${part}`, `${tree}/${part}`);
      }
      const { code, stderr } = await run(
        [Deno.execPath(), "run", "--quiet", "-A", `${tree}/scripts/compile/compile.ts`],
        {
          cwd: tree,
          env: {
            ...Deno.env.toObject(),
            DENO_DIR: `${tree}/cache`,
            TMPDIR: `${tree}/temporary`,
          },
          limit: 600_000,
        },
      );
      assertEquals(code, 0, stderr);
      assertEquals([...Deno.readDirSync(`${tree}/temporary`)], []);
      const digest = await sha256(await Deno.readFile(`${tree}/dist/balance`));
      assertEquals(await Deno.readTextFile(`${tree}/dist/SHA256SUMS`), `${digest}  balance\n`);
      digests.push(digest);
    }
    assertEquals(digests[0], digests[1]);
  });
}
