/** `scripts/compile`: arguments, permissions, environment, errors and digests. */

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { permissionFlags } from "../../../lib/system/permissions.ts";
import { parseArguments } from "../../../scripts/compile/arguments.ts";
import { denoEnv } from "../../../scripts/compile/deno_env.ts";
import { writeSums } from "../../../scripts/compile/digest.ts";
import { COMPILE_FLAGS } from "../../../scripts/compile/flags.ts";
import { denoError } from "../../../scripts/compile/stage.ts";
import { TARGETS } from "../../../scripts/compile/targets.ts";
import { run } from "../../../scripts/system/command.ts";
import { ScriptError } from "../../../scripts/system/script_error.ts";
import { t } from "../../helpers/t.ts";
import { tempDir } from "../../helpers/temp_dir.ts";

t("the executable has the least permissions, and never prompts", () => {
  assertEquals(permissionFlags({ os: "linux", arch: "x86_64" }), [
    "--no-prompt",
    "--allow-net",
    "--allow-read",
    "--allow-write",
    "--allow-env=BALANCE_RUNDIR,BALANCE_SYSLOG,XDG_RUNTIME_DIR,NOTIFY_SOCKET,BALANCE_REPORT_TO," +
    "LISTEN_FDS,LISTEN_PID,XDG_STATE_HOME,HOME,TERM,PATH",
    "--allow-sys",
    "--allow-ffi=/lib/x86_64-linux-gnu/libc.so.6,/usr/lib/x86_64-linux-gnu/libc.so.6," +
    "/lib64/libc.so.6,/usr/lib/libc.so.6",
    "--allow-run",
  ]);
  assertEquals(COMPILE_FLAGS, [
    "--no-code-cache",
    "--no-check",
    "--cached-only",
    "--v8-flags=--max-semi-space-size=3,--heap-growing-percent=15",
  ]);
});

t("parseArguments() parses the arguments of the compile task", () => {
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
  t(`the compile task rejects ${args.join(" ")}`, () => {
    const error = assertThrows(() => parseArguments(args), ScriptError);
    assert(error.message.startsWith(message), error.message);
    assertEquals(error.exitCode, 2);
  });
}

t("an invalid argument ends the compile task with one line and exit code 2", async () => {
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

t("the environment of the caller does not affect the executable", () => {
  const reach = { PATH: "/bin", HTTPS_PROXY: "http://proxy", DENO_TLS_CA_STORE: "system" };
  const shape = { DENO_CONDITIONS: "x", OTEL_DENO: "true", JSR_URL: "x", DENORT_BIN: "/x" };
  const { NO_COLOR: _, DENO_NO_UPDATE_CHECK: __, DENO_NO_PACKAGE_JSON: ___, ...rest } = denoEnv(
    { DENO_DIR: "/somewhere" },
    { ...reach, ...shape },
  );
  assertEquals(rest, { ...reach, DENO_DIR: "/somewhere" });
});

t("an error of Deno becomes one line without the path of the build directory", () => {
  const text = 'Download x\nerror: Module not found "file:///tmp/b/project/lib/x.ts".\n' +
    "    at file:///tmp/b/project/main.ts:2:25\n\nStack backtrace:\n   0: <unknown>\n";
  assertEquals(denoError(text, "/tmp/b"), 'Module not found "lib/x.ts". at main.ts:2:25');
  assertEquals(denoError("", "/tmp/b"), "no reason given");
});

t("a command that takes too long is killed, with exit code 124", async () => {
  const { code } = await run([Deno.execPath(), "eval", "setInterval(() => {}, 1000)"], {
    limit: 300,
  });
  assertEquals(code, 124);
});

t("the error about a missing program has its name", async () => {
  await assertRejects(
    () => run(["balance-no-such-program"], { limit: 1000 }),
    ScriptError,
    "Cannot run [balance-no-such-program]: not found",
  );
});

t("SHA256SUMS lists only the executables", async () => {
  using dir = tempDir();
  await assertRejects(() => writeSums(dir.path), ScriptError, "no files");
  for (const name of ["balance-x86_64-unknown-linux-gnu", "balance", "balance.tmp", "other"]) {
    await Deno.writeTextFile(`${dir.path}/${name}`, "abc");
  }
  const abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  const text = `${abc}  balance\n${abc}  balance-x86_64-unknown-linux-gnu\n`;
  assertEquals(await writeSums(dir.path), text);
  assertEquals(await Deno.readTextFile(`${dir.path}/SHA256SUMS`), text);
});
