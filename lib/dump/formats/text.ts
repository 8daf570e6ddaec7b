/** The text format: the blocks of 3.35, nothing else, so that its readers find only them. */

import { DUMP_BLOCK_BYTES } from "../../base/limits.ts";
import {
  type DumpChunk,
  type DumpConnection,
  type DumpEnd,
  type DumpFormat,
  joinBytes,
  NOTHING,
} from "./format.ts";
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
    return NOTHING;
  }

  open(): Uint8Array {
    return NOTHING;
  }

  connected(): Uint8Array {
    return NOTHING;
  }

  data(connection: DumpConnection, { direction, bytes }: DumpChunk): Uint8Array {
    this.#finished.delete(connection.id);
    const blocks: Uint8Array[] = [];
    for (let at = 0; at < bytes.length; at += DUMP_BLOCK_BYTES) {
      blocks.push(textBlock(direction, bytes.subarray(at, at + DUMP_BLOCK_BYTES)));
    }
    return joinBytes(blocks);
  }

  skip(): void {}

  event(): Uint8Array {
    return NOTHING;
  }

  /** One record ends a session, as text_tap.ts explains. */
  end(connection: DumpConnection, { direction, how }: DumpEnd): Uint8Array {
    if (this.#finished.has(connection.id)) return NOTHING;
    this.#finished.add(connection.id);
    return textEnd(direction, how);
  }

  close(connection: DumpConnection): Uint8Array {
    this.#finished.delete(connection.id);
    return NOTHING;
  }

  lost(): Uint8Array {
    return NOTHING;
  }
}
