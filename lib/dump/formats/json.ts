/**
 * The JSON format: one object a line (see json.schema.json beside this file). Every line tells
 * all about its connection, so that a file may begin anywhere and `jq` or `grep` suffice.
 */

import { NO_BYTES } from "../../base/bytes.ts";
import type { Endpoint } from "../../base/endpoint.ts";
import { channelText, type ConnectionRoute } from "../../base/connection_info.ts";
import { formatEndpoint } from "../../address/host_port.ts";
import {
  type DumpChunk,
  type DumpEnd,
  type DumpEvent,
  type DumpFormat,
  type DumpSides,
} from "./format.ts";
import { isoTime } from "./times.ts";

/** What to record. */
export interface JsonOptions {
  /** Bytes that were seen on the other side only are left out. @default {"client"} */
  readonly side?: DumpSides;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Makes an encoder for one file or stream.
 *
 * @param options Which side is recorded.
 */
export function createJson(options: JsonOptions = {}): DumpFormat {
  return new Json(options.side ?? "client");
}

class Json implements DumpFormat {
  readonly name = "json";
  readonly #side: DumpSides;

  constructor(side: DumpSides) {
    this.#side = side;
  }

  start(_time: number): Uint8Array {
    return NO_BYTES;
  }

  open(connection: ConnectionRoute, time: number): Uint8Array {
    return line("open", { time, connection });
  }

  connected(connection: ConnectionRoute, time: number): Uint8Array {
    return line("connected", { time, connection });
  }

  data(connection: ConnectionRoute, chunk: DumpChunk): Uint8Array {
    const { bytes, direction, time, side } = chunk;
    const length = chunk.length ?? bytes.length;
    if (length === 0 || this.#leavesOut(side)) return NO_BYTES;
    const head = start("data", { time, connection, more: { direction, side, length } });
    const text = printable(bytes);
    const tail = text === undefined ? "" : `,"text":${JSON.stringify(text)}`;
    return encoder.encode(`${head},"data":"${bytes.toBase64()}"${tail}}\n`);
  }

  skip(): void {}

  event(connection: ConnectionRoute, event: DumpEvent): Uint8Array {
    return line("event", { time: event.time, connection, more: { message: event.text } });
  }

  end(connection: ConnectionRoute, end: DumpEnd): Uint8Array {
    const { direction, how, side, time } = end;
    if (this.#leavesOut(side)) return NO_BYTES;
    return line("end", { time, connection, more: { direction, side, how } });
  }

  close(connection: ConnectionRoute, time: number): Uint8Array {
    return line("close", { time, connection });
  }

  lost(chunks: number, time: number): Uint8Array {
    return line("lost", { time, more: { chunks } });
  }

  #leavesOut(side: DumpSides | undefined): boolean {
    return side !== undefined && this.#side !== "both" && side !== this.#side;
  }
}

/** What a line tells besides its type. */
interface Line {
  readonly time: number;
  readonly connection?: ConnectionRoute;
  readonly more?: Readonly<Record<string, string | number | undefined>>;
}

function line(type: string, content: Line): Uint8Array {
  return encoder.encode(start(type, content) + "}\n");
}

/** An object without its closing brace. */
function start(type: string, { time, connection, more }: Line): string {
  const fields: Record<string, string | number | undefined> = { time: isoTime(time), type };
  if (connection !== undefined) {
    fields.connection = connection.id;
    fields.client = endpointText(connection.client);
    fields.listener = endpointText(connection.listener);
    fields.channel = channelText(connection);
    fields.local = endpointText(connection.local);
    fields.backend = endpointText(connection.backend);
  }
  return JSON.stringify(more === undefined ? fields : { ...fields, ...more }).slice(0, -1);
}

function endpointText(endpoint: Endpoint | undefined): string | undefined {
  return endpoint && formatEndpoint(endpoint);
}

/**
 * Bytes as text, if people can read it.
 *
 * @returns `undefined` if they are no UTF-8 or hold control characters besides tab, line feed and
 *     carriage return.
 */
function printable(bytes: Uint8Array): string | undefined {
  try {
    const text = decoder.decode(bytes);
    // deno-lint-ignore no-control-regex
    return /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]/.test(text) ? undefined : text;
  } catch {
    return undefined;
  }
}
