/**
 * The JSON format: one object per line, see json.schema.json in this folder. Every line has
 * everything about its connection, so a file may start anywhere, and `jq` or `grep` is enough.
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
  type DumpLeg,
  type DumpSideOption,
} from "./format.ts";
import { isoTime } from "./times.ts";

/** What to record. */
export interface JsonOptions {
  /** Bytes of the other leg only are left out. @default {"client"} */
  readonly side?: DumpSideOption;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Creates the encoder for one file or stream.
 *
 * @param options Which legs are recorded.
 */
export function createJson(options: JsonOptions = {}): DumpFormat {
  return new Json(options.side ?? "client");
}

class Json implements DumpFormat {
  readonly name = "json";
  readonly #side: DumpSideOption;

  constructor(side: DumpSideOption) {
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
    const { bytes, direction, time, leg } = chunk;
    const length = chunk.length ?? bytes.length;
    if (length === 0 || this.#leavesOut(leg)) return NO_BYTES;
    const head = start("data", { time, connection, more: { direction, side: leg, length } });
    const text = printable(bytes);
    const tail = text === undefined ? "" : `,"text":${JSON.stringify(text)}`;
    return encoder.encode(`${head},"data":"${bytes.toBase64()}"${tail}}\n`);
  }

  skip(): void {}

  event(connection: ConnectionRoute, event: DumpEvent): Uint8Array {
    return line("event", { time: event.time, connection, more: { message: event.text } });
  }

  end(connection: ConnectionRoute, end: DumpEnd): Uint8Array {
    const { direction, how, leg, time } = end;
    if (this.#leavesOut(leg)) return NO_BYTES;
    return line("end", { time, connection, more: { direction, side: leg, how } });
  }

  close(connection: ConnectionRoute, time: number): Uint8Array {
    return line("close", { time, connection });
  }

  lost(chunks: number, time: number): Uint8Array {
    return line("lost", { time, more: { chunks } });
  }

  #leavesOut(leg: DumpLeg | undefined): boolean {
    return leg !== undefined && this.#side !== "both" && leg !== this.#side;
  }
}

/** What a line contains besides its type. */
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
 * Bytes as text, if it is readable.
 *
 * @returns `undefined` if they are not UTF-8, or contain control characters other than tab, line
 *     feed and carriage return.
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
