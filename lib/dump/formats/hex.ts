/**
 * The hex format: blocks like those of `hexdump -C`, each after a line with direction, time and
 * connection. For humans, and for `text2pcap`:
 *
 *     text2pcap -D -t '%Y-%m-%d %H:%M:%S.%f' -T 40001,6379 -4 10.0.0.1,10.0.0.2 dump.hex dump.pcapng
 *
 * with the port and address of the client first, then those of the listener (`-6` for IPv6), and
 * without `-a`. Events are comments (`#`). Blocks are paragraphs, so `awk -v RS= '$4 == "#17"'
 * -v ORS='\n\n'` prints one connection.
 */

import { joinBytes, NO_BYTES } from "../../base/bytes.ts";
import type { Endpoint } from "../../base/endpoint.ts";
import type { Side } from "../../base/side.ts";
import { channelText, type ConnectionRoute } from "../../base/connection_info.ts";
import { formatEndpoint } from "../../address/host_port.ts";
import { DUMP_BLOCK_BYTES } from "../../base/limits.ts";
import {
  type DumpChunk,
  type DumpEnd,
  type DumpEvent,
  type DumpFormat,
  type DumpLeg,
  type DumpSideOption,
} from "./format.ts";
import { localTime } from "./times.ts";

/** What to record. */
export interface HexOptions {
  /** Whose addresses are shown; `"both"` shows the client's. @default {"client"} */
  readonly side?: DumpSideOption;
}

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
 * @param options Whose addresses are shown.
 */
export function createHex(options: HexOptions = {}): DumpFormat {
  return new Hex(options.side ?? "client");
}

class Hex implements DumpFormat {
  readonly name = "hex";
  readonly #side: DumpSideOption;

  constructor(side: DumpSideOption) {
    this.#side = side;
  }

  start(time: number): Uint8Array {
    return encoder.encode(`# ${localTime(time)} I is from the client, O from the backend\n\n`);
  }

  open(connection: ConnectionRoute, time: number): Uint8Array {
    const { client, listener } = connection;
    return comment(connection, `open ${arrow(client, listener)}`, time);
  }

  connected(connection: ConnectionRoute, time: number): Uint8Array {
    const { backend } = connection;
    const channel = channelText(connection);
    const parts = [
      "connected",
      channel && `channel ${channel}`,
      backend && `to ${formatEndpoint(backend)}`,
    ];
    return comment(connection, parts.filter(Boolean).join(" "), time);
  }

  data(connection: ConnectionRoute, chunk: DumpChunk): Uint8Array {
    const { bytes, leg } = chunk;
    const length = chunk.length ?? bytes.length;
    if (length === 0 || leg !== undefined && leg !== this.#leg()) return NO_BYTES;
    if (bytes.length === 0) {
      return comment(connection, `${chunk.direction} sent ${length} bytes`, chunk.time);
    }
    const intro = this.#intro(connection, chunk);
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
  }

  skip(): void {}

  event(connection: ConnectionRoute, event: DumpEvent): Uint8Array {
    return comment(connection, event.text, event.time);
  }

  end(connection: ConnectionRoute, end: DumpEnd): Uint8Array {
    if (end.leg !== undefined && end.leg !== this.#leg()) return NO_BYTES;
    return comment(connection, `${end.direction} ${end.how}`, end.time);
  }

  close(connection: ConnectionRoute, time: number): Uint8Array {
    return comment(connection, "close", time);
  }

  lost(chunks: number, time: number): Uint8Array {
    return encoder.encode(`# ${localTime(time)} ${chunks} chunks dropped so far\n\n`);
  }

  #leg(): DumpLeg {
    return this.#side === "server" ? "server" : "client";
  }

  /**
   * The line before a block. No word of it may consist of hexadecimal digits only: text2pcap would
   * read it as an offset.
   */
  #intro(connection: ConnectionRoute, chunk: DumpChunk): string {
    const [from, to] = this.#ends(connection, chunk.direction);
    const channel = channelText(connection);
    const words = [
      chunk.direction === "client" ? "I" : "O",
      localTime(chunk.time),
      `#${connection.id}`,
      arrow(from, to),
      ...(channel === undefined ? [] : ["channel", channel]),
    ];
    return words.join(" ");
  }

  #ends(connection: ConnectionRoute, direction: Side): [Endpoint, Endpoint] {
    const { client, listener, local = listener, backend } = connection;
    const [near, far] = this.#side === "server" && backend ? [local, backend] : [client, listener];
    return direction === "client" ? [near, far] : [far, near];
  }
}

function arrow(from: Endpoint, to: Endpoint): string {
  return `${formatEndpoint(from)} > ${formatEndpoint(to)}`;
}

/** One line that text2pcap ignores. */
function comment(connection: ConnectionRoute, text: string, time: number): Uint8Array {
  // deno-lint-ignore no-control-regex
  const line = text.replace(/[\x00-\x1f\x7f]+/g, " ");
  return encoder.encode(`# ${localTime(time)} #${connection.id} ${line}\n\n`);
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
