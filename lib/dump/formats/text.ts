/** The text format: the blocks of 3.35, nothing else, so that its readers find only them. */

import { joinBytes, NO_BYTES } from "../../base/bytes.ts";
import type { ConnectionRoute } from "../../base/connection_info.ts";
import { DUMP_BLOCK_BYTES } from "../../base/limits.ts";
import { type DumpChunk, type DumpEnd, type DumpFormat } from "./format.ts";
import { textBlock, textEnd } from "./text_block.ts";

/** Makes an encoder for one file or stream. */
export function createText(): DumpFormat {
  return new Text();
}

class Text implements DumpFormat {
  readonly name = "text";
  /** Connections whose end is written, and nothing came after it. */
  readonly #finished = new Set<number>();

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
    this.#finished.delete(connection.id);
    const blocks: Uint8Array[] = [];
    for (let at = 0; at < bytes.length; at += DUMP_BLOCK_BYTES) {
      blocks.push(textBlock(direction, bytes.subarray(at, at + DUMP_BLOCK_BYTES)));
    }
    return joinBytes(blocks);
  }

  skip(): void {}

  event(): Uint8Array {
    return NO_BYTES;
  }

  /** One record ends a session, as text_tap.ts explains. */
  end(connection: ConnectionRoute, { direction, how }: DumpEnd): Uint8Array {
    if (this.#finished.has(connection.id)) return NO_BYTES;
    this.#finished.add(connection.id);
    return textEnd(direction, how);
  }

  close(connection: ConnectionRoute): Uint8Array {
    this.#finished.delete(connection.id);
    return NO_BYTES;
  }

  lost(): Uint8Array {
    return NO_BYTES;
  }
}
