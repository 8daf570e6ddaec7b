/**
 * The JSON format: one object per line, see json.schema.json in this folder. Every line has
 * everything about its connection, so a file may start anywhere, and `jq` or `grep` is enough.
 */

import { formatEndpoint } from "../../address/host_port.ts";
import { NO_BYTES } from "../../base/bytes.ts";
import { channelText, type ConnectionRoute } from "../../base/connection_info.ts";
import type { Endpoint } from "../../base/endpoint.ts";
import type { DumpFormat, DumpLeg, DumpSide } from "./format.ts";
import { isoTime } from "./times.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Creates the encoder for one file or stream.
 *
 * @param options `side`: records of the other leg only are left out (default `"client"`).
 */
export function createJson({ side = "client" }: { side?: DumpSide } = {}): DumpFormat {
  const leavesOut = (leg: DumpLeg | undefined) =>
    leg !== undefined && side !== "both" && leg !== side;
  return {
    start: () => NO_BYTES,
    open: (connection, time) => line("open", { time, connection }),
    connected: (connection, time) => line("connected", { time, connection }),
    data(connection, chunk) {
      const { bytes, direction, time, leg } = chunk;
      const length = chunk.length ?? bytes.length;
      if (length === 0 || leavesOut(leg)) return NO_BYTES;
      const head = start("data", { time, connection, more: { direction, side: leg, length } });
      const text = printable(bytes);
      const tail = text === undefined ? "" : `,"text":${JSON.stringify(text)}`;
      return encoder.encode(`${head},"data":"${bytes.toBase64()}"${tail}}\n`);
    },
    skip() {},
    event: (connection, { text, time }) =>
      line("event", { time, connection, more: { message: text } }),
    end: (connection, { direction, how, leg, time }) =>
      leavesOut(leg)
        ? NO_BYTES
        : line("end", { time, connection, more: { direction, side: leg, how } }),
    close: (connection, time) => line("close", { time, connection }),
    lost: (chunks, time) => line("lost", { time, more: { chunks } }),
  };
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
    fields.peer = endpointText(connection.peer);
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
 * Bytes as text; `undefined` if they are not UTF-8, or contain control characters other than tab,
 * line feed and carriage return.
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
