import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { named } from "../../helpers/net/backends.ts";
import { connect, readLine } from "../../helpers/net/client.ts";
import { program } from "../../helpers/program/program.ts";
import { startBalance } from "../../helpers/program/start_balance.ts";
import { runProgram } from "../../helpers/program/start_program.ts";
import { skip, t, tool, until } from "../../helpers/t.ts";
import { tempDir } from "../../helpers/temp_dir.ts";

const FOLDER = new URL("../../../scripts/package/", import.meta.url).pathname;

const npx = tool("npx");
for (
  const linter of [["dockerfilelint@1.8.0"], ["dockerfile-utils@0.16.3", "lint"]] as [
    string,
    ...string[],
  ][]
) {
  const name = `${linter[0]} accepts the Dockerfile`;
  if (npx === undefined) skip(name, "npx is not installed");
  else {
    t(name, async () => {
      const args = ["--yes", ...linter, `${FOLDER}Dockerfile`];
      const { code, stdout, stderr } = await runProgram(npx, args, { timeoutMs: 120_000 });
      const missing = /^npm (?:error|ERR!) code (\S+)/m.exec(stderr)?.[1];
      if (missing !== undefined) console.log(`skipped: ${name}: npm cannot fetch it: ${missing}`);
      else assertEquals(code, 0, stdout + stderr);
    });
  }
}

const ROOT = new URL("../../../", import.meta.url).pathname;
const text = await Deno.readTextFile(`${FOLDER}Dockerfile`);

/** What follows a keyword of the last stage. */
function last(keyword: string): string {
  const stage = text.split(/^FROM /m).at(-1) ?? "";
  const found = new RegExp(`^${keyword} (.*)$`, "m").exec(stage)?.[1];
  assert(found !== undefined, `no ${keyword}`);
  return found;
}

t("the Dockerfile builds with the Deno of README.md, and runs as a user other than root", () => {
  const readme = Deno.readTextFileSync(`${ROOT}README.md`);
  const deno = /npx -y (deno@\S+) task/.exec(readme)?.[1];
  assertStringIncludes(text, `RUN npx -y ${deno} task compile\n`);
  assertMatch(last("USER"), /^[1-9]\d*:[1-9]\d*$/);
});

t("the build context has what the Dockerfile copies, and nothing else", () => {
  const lines = Deno.readTextFileSync(`${ROOT}.dockerignore`).split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"));
  assertEquals(lines.shift(), "*");
  const copied = [...text.matchAll(/^COPY ([^-].*) \S+$/gm)].flatMap(([, names = ""]) =>
    names.split(" ")
  );
  assertEquals(lines.toSorted(), copied.map((name) => `!${name}`).toSorted());
});

t("a stop ends within the 10 s of docker stop, and --grace can be given again", async () => {
  assertEquals(last("STOPSIGNAL"), "SIGTERM");
  const [, ...options] = JSON.parse(last("ENTRYPOINT")) as string[];
  const grace = Number(options[options.indexOf("--grace") + 1]);
  assert(grace > 0 && grace < 10, `--grace ${grace}`);
  await using server = named("B0");
  await using balance = await startBalance([...options, "--grace", "0", "PORT", server.address]);
  await using client = await connect(balance.port);
  assertEquals(await readLine(client), "B0");
  assertEquals((await balance.stop("SIGTERM")).code, 143);
});

t("the container is healthy as long as balance answers", async () => {
  using dir = tempDir();
  const { command, args } = program({ cachedOnly: true, argv: [] });
  const words = [command, ...args].map((word) => `'${word}'`).join(" ");
  await Deno.writeTextFile(`${dir.path}/balance`, `#!/bin/sh\nexec ${words} "$@"\n`, {
    mode: 0o755,
  });
  const [, interval, check = ""] = /--timeout=(\d+)s CMD (.*)$/.exec(last("HEALTHCHECK")) ?? [];
  assert(Number(interval) > 0);
  const env = { PATH: `${dir.path}:${Deno.env.get("PATH")}`, BALANCE_RUNDIR: `${dir.path}/run` };
  const health = async () => (await runProgram("/bin/sh", ["-c", check], { env })).code;
  await Deno.mkdir(env.BALANCE_RUNDIR, { mode: 0o700 });
  assertEquals(await health(), 1);
  await using server = named("B0");
  const [, ...options] = JSON.parse(last("ENTRYPOINT")) as string[];
  await using balance = await startBalance([...options, "PORT", server.address], { env });
  await until(async () => await health() === 0, { timeoutMs: 20_000, what: "a healthy container" });
  await balance.stop("SIGTERM");
  assertEquals(await health(), 1);
});
