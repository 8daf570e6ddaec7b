/** The systemd unit as systemd-analyze judges it. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { OPTIONS } from "../../../lib/cli/option_table.ts";
import { runProgram } from "../../helpers/program/start_program.ts";
import { skip, t, tool } from "../../helpers/t.ts";
import { tempDir } from "../../helpers/temp_dir.ts";

const FOLDER = new URL("../../../scripts/package/", import.meta.url).pathname;
/** Maximum exposure by `systemd-analyze security`, in tenths: 0 is best, 100 is no protection. */
const EXPOSURE = 20;

const UNIT = "systemd-analyze accepts balance@.service and rates it as well protected";
const analyze = tool("systemd-analyze");
if (analyze === undefined) skip(UNIT, "systemd-analyze is not installed");
else {
  t(UNIT, async () => {
    using dir = tempDir();
    // It needs an existing executable, and an instance for %i.
    const text = await Deno.readTextFile(`${FOLDER}balance@.service`);
    assertStringIncludes(text, "ExecStart=/usr/local/bin/balance ");
    const unit = `${dir.path}/balance@mail.service`;
    await Deno.writeTextFile(
      unit,
      text.replaceAll("/usr/local/bin/balance", Deno.execPath()).replaceAll("%i", "mail"),
    );
    const takeover = await Deno.readTextFile(`${FOLDER}takeover.conf`);
    await Deno.mkdir(`${unit}.d`);
    await Deno.writeTextFile(
      `${unit}.d/takeover.conf`,
      takeover.replaceAll("/usr/local/bin/balance", Deno.execPath()),
    );
    const verified = await runProgram(analyze, ["verify", "--man=no", unit]);
    assertEquals(verified, { code: 0, stdout: "", stderr: "" });
    const args = ["security", "--no-pager", "--offline=true", `--threshold=${EXPOSURE}`, unit];
    const { code, stdout } = await runProgram(analyze, args);
    assertEquals(code, 0, stdout);
  });
}

t("the service uses existing options, and stays in the foreground", async () => {
  const text = await Deno.readTextFile(`${FOLDER}balance@.service`);
  assertMatch(text, /^ExecStart=\S+ -f --config \/etc\/balance\/%i\.conf$/m);
  assertMatch(text, /^ExecReload=\S+ -c reload --strict --config \/etc\/balance\/%i\.conf$/m);
  const names = OPTIONS.map(({ name }) => `--${name}`);
  // Comments name options of systemctl, too.
  for (const [line] of text.matchAll(/^Exec.*$/gm)) {
    for (const [option] of line.matchAll(/--[a-z][a-z-]*/g)) {
      assert(names.includes(option), `${option} is not an option of balance`);
    }
  }
});
