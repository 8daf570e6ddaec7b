import { DUMP_BLOCK_BYTES } from "../base/limits.ts";
import type { Tap } from "../connection/observe.ts";
import { textBlock, textEnd } from "./formats/text_block.ts";
import type { BatchWriter } from "../base/batch_writer.ts";

/**
 * Makes the packet dump of one connection, in the form of 3.35.
 *
 * One record ends a session, from the side that ended it. 3.35 ended a session with its first
 * half; here the other direction may go on after it, and if it did its end is recorded too.
 *
 * @param writer Where the blocks go, whole and in order.
 */
export function textTap(writer: BatchWriter): Tap {
  let finished = false;
  return {
    event() {},
    connected() {},
    closed() {},
    chunk(side, bytes) {
      finished = false;
      for (let at = 0; at < bytes.length; at += DUMP_BLOCK_BYTES) {
        writer.push(textBlock(side, bytes.subarray(at, at + DUMP_BLOCK_BYTES)));
      }
      return writer.room();
    },
    ended(side, how) {
      if (!finished) writer.push(textEnd(side, how));
      finished = true;
    },
  };
}
