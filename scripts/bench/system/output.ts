import { messageOf } from "../../../lib/base/errors.ts";
import { printed, run } from "../../system/command.ts";

/**
 * What a short command printed to stdout and stderr. Never rejects.
 *
 * @param options Time limit in milliseconds, default 5000, and working directory.
 */
export async function output(
  command: readonly string[],
  { limit = 5000, cwd }: { limit?: number; cwd?: string } = {},
): Promise<{ ok: boolean; text: string }> {
  try {
    const outcome = await run(command, { limit, cwd });
    return { ok: outcome.code === 0, text: printed(outcome) };
  } catch (error) {
    return { ok: false, text: messageOf(error) };
  }
}
