/** A state file that changes hands during a takeover. */

import { assertEquals, assertStringIncludes } from "@std/assert";
import { StateKeeper } from "../../../lib/state/keeper.ts";
import { NO_CHANGES } from "../../../lib/state/record.ts";
import { readStateFile } from "../../../lib/state/state_file.ts";
import { t } from "../../helpers/t.ts";
import { tempDir } from "../../helpers/temp_dir.ts";

t("a successor that could not write the file takes it over later", async () => {
  using dir = tempDir();
  const path = `${dir.path}/s`, lines: string[] = [];
  const open = () =>
    StateKeeper.open({
      path,
      at: { address: "127.0.0.1", port: 1 },
      report: (line) => lines.push(line),
      isRunning: () => Promise.resolve(true),
    });
  const ownerId = () => readStateFile(path).owner?.id;
  const predecessor = await open(), successor = await open();
  await predecessor.begin(() => NO_CHANGES);
  const before = ownerId();

  // The name of the draft is taken.
  const draft = `${path}.${Deno.pid}.new`;
  Deno.mkdirSync(`${draft}/x`, { recursive: true });
  await successor.begin(() => NO_CHANGES, { isCarried: true });
  assertEquals(lines.length, 1);
  assertStringIncludes(lines[0]!, "; changes are not saved");
  assertEquals(ownerId(), before);

  Deno.removeSync(draft, { recursive: true });
  await successor.save();
  assertEquals(ownerId() === before, false);
  const after = ownerId();
  await predecessor.close();
  await successor.close();
  assertEquals(ownerId(), after);
});
