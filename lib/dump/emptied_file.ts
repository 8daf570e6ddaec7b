import { writeAll } from "../base/bytes.ts";
import type { Sink } from "./sink.ts";

/**
 * A regular file that another program may empty while it is open: logrotate with `copytruncate`.
 *
 * @param sink The file, opened to append.
 * @param options `header`: returns what the file must start with; without it, an emptied file simply
 *     continues. `forget`: called with how many bytes are no longer in the file; negative if there
 *     are more.
 */
export function restartable(
  sink: Sink,
  { header, forget }: { header?: (() => Uint8Array) | undefined; forget: (bytes: number) => void },
): Sink {
  /** After the last write. */
  let size = sink.size();

  async function write(bytes: Uint8Array): Promise<number> {
    const written = await sink.write(bytes);
    const lost = size + written - sink.size();
    size += written - lost;
    if (lost <= 0) return written;
    forget(lost);
    if (header === undefined) return written;
    // It must not start with a packet.
    await sink.empty();
    forget(size);
    const start = header();
    await writeAll(sink, start);
    size = start.length;
    forget(-size - written);
    return 0;
  }

  return { ...sink, write };
}
