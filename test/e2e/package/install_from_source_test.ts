import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { MEMORY_FLAGS, permissionFlags } from "../../../lib/system/permissions.ts";
import { config } from "../../helpers/program/program.ts";
import { runProgram } from "../../helpers/program/start_program.ts";
import { t } from "../../helpers/t.ts";
import { tempDir } from "../../helpers/temp_dir.ts";

const FOLDER = new URL("../../../scripts/package/", import.meta.url).pathname;

t(
  "installing from source creates a command with the least permissions",
  async () => {
    using dir = tempDir();
    const script = `${FOLDER}install.ts`;
    const args = ["run", "-A", "--quiet", "--no-check", script, "--root", dir.path];
    const { code, stderr } = await runProgram(Deno.execPath(), args);
    assertEquals(code, 0, stderr);
    const text = await Deno.readTextFile(`${dir.path}/bin/balance`);
    for (const flag of [...permissionFlags(), MEMORY_FLAGS]) {
      assertStringIncludes(text, ` ${flag} `);
    }
    assert(!/ -A | --allow-all /.test(text), text);
    // It uses the Deno on PATH.
    await Deno.symlink(Deno.execPath(), `${dir.path}/deno`);
    const path = `${dir.path}:${Deno.env.get("PATH")}`;
    const ran = await runProgram("/usr/bin/env", [
      `PATH=${path}`,
      `${dir.path}/bin/balance`,
      "--version",
    ]);
    assertEquals(ran, { code: 0, stdout: `balance ${config().version}\n`, stderr: "" });
  },
);
