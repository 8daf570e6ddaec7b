/**
 * The hex format: blocks like those of `hexdump -C`, each after a line with direction, time and
 * connection. For humans, and for `text2pcap`:
 *
 *     text2pcap -D -t "%Y-%m-%d %H:%M:%S.%f" -T 40001,6379 -4 10.0.0.1,10.0.0.2 dump.hex d.pcapng
 *
 * with the port and address of the client first, then those of the listener (`-6` for IPv6), and
 * without `-a`. Events are comments (`#`). Blocks are paragraphs: `awk -v RS= -v ORS='\n\n'
 * '$4 == "#17"'` prints one connection.
 */

import { formatEndpoint } from "../../address/host_port.ts";
import { joinBytes, NO_BYTES } from "../../base/bytes.ts";
import { channelText, type ConnectionRoute } from "../../base/connection_info.ts";
import type { Endpoint } from "../../base/endpoint.ts";
import { DUMP_BLOCK_BYTES } from "../../base/limits.ts";
import type { DumpChunk, DumpFormat, DumpLeg, DumpSide } from "./format.ts";
import { localTime } from "./times.ts";

const LINE_BYTES = 16;
/** Characters of a full line, the newline included; columns of its parts. */
const LINE_LENGTH = 79, HEX_COLUMN = 10, TEXT_COLUMN = 60;
const SPACE = 0x20, BAR = 0x7c, NEWLINE = 0x0a, DOT = 0x2e;

const encoder = new TextEncoder();
const DIGITS = encoder.encode("0123456789abcdef");
/** Each byte's character in the right column; a table, since branches on random bytes are slow. */
const SHOWN = Uint8Array.from(
  { length: 256 },
  (_, value) => value >= SPACE && value < 0x7f ? value : DOT,
);

/**
 * Creates the encoder for one file or stream.
 *
 * @param options `side`: which addresses are shown; `"both"` shows those of the client (default).
 */
export function createHex({ side }: { side?: DumpSide } = {}): DumpFormat {
  const shown: DumpLeg = side === "server" ? "server" : "client";
  const leavesOut = (leg: DumpLeg | undefined) =>
    leg !== undefined && side !== "both" && leg !== shown;
  return {
    start: (time) => paragraph(time, "I is from the client, O from the backend"),
    open: (connection, time) =>
      comment(connection, `open ${arrow(connection.client, connection.listener)}`, time),
    connected: (connection, time) => comment(connection, describeChannel(connection), time),
    data(connection, chunk) {
      const { direction, bytes, time } = chunk;
      const length = chunk.length ?? bytes.length;
      if (length === 0 || leavesOut(chunk.leg)) return NO_BYTES;
      if (bytes.length === 0) return comment(connection, `${direction} sent ${length} bytes`, time);
      const intro = introOf(connection, chunk, chunk.leg ?? shown);
      if (bytes.length <= DUMP_BLOCK_BYTES) {
        const count = bytes.length === length ? `${length}` : `${bytes.length}/${length}`;
        return hexBlock(`${intro} (${count} bytes)\n`, bytes);
      }
      const blocks: Uint8Array[] = [];
      for (let at = 0; at < bytes.length; at += DUMP_BLOCK_BYTES) {
        const part = bytes.subarray(at, at + DUMP_BLOCK_BYTES);
        blocks.push(hexBlock(`${intro} (${at}+${part.length}/${length} bytes)\n`, part));
      }
      return joinBytes(blocks);
    },
    skip() {},
    event: (connection, { text, time }) => comment(connection, text, time),
    end: (connection, { direction, how, leg, time }) =>
      leavesOut(leg) ? NO_BYTES : comment(connection, `${direction} ${how}`, time),
    close: (connection, time) => comment(connection, "close", time),
    lost: (chunks, time) => paragraph(time, `${chunks} chunks dropped so far`),
  };
}

function describeChannel(connection: ConnectionRoute): string {
  const { backend } = connection;
  const channel = channelText(connection);
  const parts = [
    "connected",
    channel && `channel ${channel}`,
    backend && `to ${formatEndpoint(backend)}`,
  ];
  return parts.filter(Boolean).join(" ");
}

/**
 * The line before a block. No word of it may consist of hexadecimal digits only: text2pcap would
 * read it as an offset.
 */
function introOf(
  connection: ConnectionRoute,
  { direction, time }: DumpChunk,
  leg: DumpLeg,
): string {
  const { id, client, listener, local = listener, backend } = connection;
  const [near, far] = leg === "server" && backend ? [local, backend] : [client, listener];
  const [letter, ends] = direction === "client" ? ["I", arrow(near, far)] : ["O", arrow(far, near)];
  const channel = channelText(connection);
  const intro = `${letter} ${localTime(time)} #${id} ${ends}`;
  return channel === undefined ? intro : `${intro} channel ${channel}`;
}

function arrow(from: Endpoint, to: Endpoint): string {
  return `${formatEndpoint(from)} > ${formatEndpoint(to)}`;
}

/** One line about a connection. */
function comment({ id }: ConnectionRoute, text: string, time: number): Uint8Array {
  // deno-lint-ignore no-control-regex
  return paragraph(time, `#${id} ${text.replace(/[\x00-\x1f\x7f]+/g, " ")}`);
}

/** One line that text2pcap ignores, and an empty line. */
function paragraph(time: number, text: string): Uint8Array {
  return encoder.encode(`# ${localTime(time)} ${text}\n\n`);
}

/**
 * A block like that of `hexdump -C`, but with repeated lines written out; the length is the last
 * line, and an empty line follows.
 *
 * @param intro The line before, ASCII.
 */
function hexBlock(intro: string, bytes: Uint8Array): Uint8Array {
  const lines = Math.ceil(bytes.length / LINE_BYTES);
  const out = new Uint8Array(intro.length + lines * LINE_LENGTH + 10);
  let at = encoder.encodeInto(intro, out).written;
  for (let start = 0; start < bytes.length; start += LINE_BYTES) {
    const end = Math.min(start + LINE_BYTES, bytes.length);
    writeOffset(out, at, start);
    out.fill(SPACE, at + 8, at + TEXT_COLUMN);
    let hex = at + HEX_COLUMN, text = at + TEXT_COLUMN;
    out[text++] = BAR;
    for (let i = start; i < end; i++) {
      const value = bytes[i]!;
      out[hex] = DIGITS[value >> 4]!;
      out[hex + 1] = DIGITS[value & 15]!;
      hex += i - start === 7 ? 4 : 3;
      out[text++] = SHOWN[value]!;
    }
    out[text++] = BAR;
    out[text++] = NEWLINE;
    at = text;
  }
  writeOffset(out, at, bytes.length);
  out[at + 8] = NEWLINE;
  out[at + 9] = NEWLINE;
  return out.subarray(0, at + 10);
}

function writeOffset(out: Uint8Array, at: number, offset: number): void {
  for (let i = 0; i < 8; i++) out[at + i] = DIGITS[offset >>> (28 - 4 * i) & 15]!;
}
