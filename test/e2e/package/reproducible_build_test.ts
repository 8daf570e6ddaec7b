import { assertEquals } from "@std/assert";
import { sha256 } from "../../../scripts/compile/digest.ts";
import { run } from "../../../scripts/system/command.ts";
import { skip, t } from "../../helpers/t.ts";
import { tempDir } from "../../helpers/temp_dir.ts";

/** Copies the files of a build; the copies have new modification times. */
async function copyTree(from: string, to: string): Promise<void> {
  if ((await Deno.stat(from)).isFile) return await Deno.writeFile(to, await Deno.readFile(from));
  await Deno.mkdir(to, { recursive: true });
  for await (const { name } of Deno.readDir(from)) {
    await copyTree(`${from}/${name}`, `${to}/${name}`);
  }
}

const TWICE = "two builds in two directories, with two caches, are byte for byte the same";
if (Deno.env.get("BALANCE_TEST_COMPILE") === "1") t(TWICE, compileTwice);
else skip(TWICE, "it compiles twice; set BALANCE_TEST_COMPILE=1 to run it");

async function compileTwice(): Promise<void> {
  const root = await Deno.realPath(`${import.meta.dirname}/../../..`);
  using dir = tempDir();
  const digests: string[] = [];
  for (const name of ["one", "another place"]) {
    const tree = `${dir.path}/${name}`;
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
}
