/** The text format: only the blocks of 3.35, so that programs that read its dumps find nothing new. */

import { NO_BYTES } from "../../base/bytes.ts";
import type { ConnectionRoute } from "../../base/connection_info.ts";
import { DUMP_BLOCK_BYTES } from "../../base/limits.ts";
import type { DumpChunk, DumpEnd, DumpFormat } from "./format.ts";
import { maxTextBlockBytes, textBlock, textEnd, writeTextBlock } from "./text_block.ts";

/** Creates the encoder for one file or stream. */
export function createText(): DumpFormat {
  return new Text();
}

class Text implements DumpFormat {
  readonly name = "text";
  /** Connections whose end was written, with no data after it. */
  readonly #ended = new Set<number>();

  start(): Uint8Array {
    return NO_BYTES;
  }

  open(): Uint8Array {
    return NO_BYTES;
  }

  connected(): Uint8Array {
    return NO_BYTES;
  }

  data(connection: ConnectionRoute, { direction, bytes }: DumpChunk): Uint8Array {
    this.#ended.delete(connection.id);
    if (bytes.length === 0) return NO_BYTES;
    return bytes.length <= DUMP_BLOCK_BYTES
      ? textBlock(direction, bytes)
      : textBlocks(direction, bytes);
  }

  skip(): void {}

  event(): Uint8Array {
    return NO_BYTES;
  }

  /**
   * One record ends a session, from the side that ended it. 3.35 ended a session with its first
   * half; here the other direction may continue, and if it did its end is recorded, too.
   */
  end(connection: ConnectionRoute, { direction, how }: DumpEnd): Uint8Array {
    if (this.#ended.has(connection.id)) return NO_BYTES;
    this.#ended.add(connection.id);
    return textEnd(direction, how);
  }

  close(connection: ConnectionRoute): Uint8Array {
    this.#ended.delete(connection.id);
    return NO_BYTES;
  }

  lost(): Uint8Array {
    return NO_BYTES;
  }
}

/** Blocks of at most {@link DUMP_BLOCK_BYTES}, as 3.35 reads at most that much at once. */
function textBlocks(side: DumpChunk["direction"], bytes: Uint8Array): Uint8Array {
  const count = Math.ceil(bytes.length / DUMP_BLOCK_BYTES);
  const blocks = new Uint8Array(count * maxTextBlockBytes(DUMP_BLOCK_BYTES));
  let end = 0;
  for (let at = 0; at < bytes.length; at += DUMP_BLOCK_BYTES) {
    const part = bytes.subarray(at, at + DUMP_BLOCK_BYTES);
    end = writeTextBlock(blocks, end, { side, bytes: part });
  }
  return blocks.subarray(0, end);
}
