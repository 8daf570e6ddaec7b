import { dumpTaps } from "../../../lib/dump/dump_tap.ts";
import { Dumper, type DumperOptions } from "../../../lib/dump/dumper.ts";
import { parseDumpFilter } from "../../../lib/dump/filter.ts";
import { type DumpTexts, parseDumpSettings } from "../../../lib/dump/settings.ts";

/** A dumper, its taps, and the errors it reported. */
export async function dumperOf(texts: DumpTexts, more: Partial<DumperOptions> = {}) {
  const errors: string[] = [];
  const dumper = await Dumper.open(parseDumpSettings(texts), {
    port: 6379,
    onError: (error) => errors.push(error.message),
    ...more,
  });
  const taps = dumpTaps(parseDumpFilter(texts), (record) => dumper.take(record));
  return { dumper, taps, errors };
}
