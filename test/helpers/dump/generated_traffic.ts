/**
 * Generated connections for tests of dump formats: interleaved, IPv4 and IPv6, all ways to end.
 *
 * @module
 */
import { joinBytes } from "../../../lib/base/bytes.ts";
import type { ConnectionRoute } from "../../../lib/base/connection_info.ts";
import type { Side } from "../../../lib/base/side.ts";
import type { DumpFormat } from "../../../lib/dump/formats/format.ts";
import { randomBytes, randomNumbers } from "../bytes.ts";

/** Start of the traffic in microseconds since 1970: 2026-11-22 06:03:20.123456 UTC. */
export const START = 1_795_327_400_123_456;

/** Options of {@linkcode makeTraffic}. */
export interface TrafficOptions {
  /** The same seed makes the same traffic. */
  readonly seed: number;
  /** How many connections. Every third one uses IPv6, unless `family` is given. */
  readonly connections: number;
  /** Chunks per connection. @default {6} */
  readonly chunks?: number;
  /** Maximum size of a chunk in bytes. @default {3000} */
  readonly maxChunk?: number;
  /** @default {both} */
  readonly family?: 4 | 6;
  /** How connections end, in turn. @default {all ways} */
  readonly endings?: readonly Ending[];
  /** Starts a new file every this many records. @default {never} */
  readonly restartEvery?: number;
  /** Port of the listener. @default {40000} */
  readonly port?: number;
}

/** How a connection ends: orderly, reset by one side, closed by balance, or not at all. */
export type Ending = "orderly" | "client reset" | "backend reset" | "closed" | "open";

const ENDINGS: readonly Ending[] = ["orderly", "client reset", "backend reset", "closed"];

/** A connection and its bytes. */
export interface GeneratedConversation {
  readonly connection: ConnectionRoute;
  readonly ending: Ending;
  /** All bytes of each direction. */
  readonly sent: Record<Side, Uint8Array>;
  /** The chunks in order. */
  readonly chunks: readonly { readonly direction: Side; readonly bytes: Uint8Array }[];
}

/** A dump and its expected content. */
export interface Traffic {
  /** What the format wrote, one element per file. */
  readonly files: readonly Uint8Array[];
  readonly conversations: readonly GeneratedConversation[];
}

/** Makes a connection whose channel has answered. */
export function connectionOf(id: number, options: { family?: 4 | 6; port?: number } = {}) {
  const { family = id % 3 === 0 ? 6 : 4, port = 40000 } = options;
  const address = (last: number) => family === 4 ? `10.0.${last}.1` : `2001:db8::${last}`;
  return {
    id,
    client: { address: address(1), port: 10000 + id },
    listener: { address: address(2), port },
    group: 0,
    channel: id % 4,
    local: { address: "192.168.0.1", port: 20000 + id },
    backend: { address: "192.168.0.2", port: 8000 + id % 4 },
  } satisfies ConnectionRoute;
}

/** Writes generated traffic with a format. */
export function makeTraffic(format: DumpFormat, options: TrafficOptions): Traffic {
  const { seed, chunks: count = 6, maxChunk = 3000, endings = ENDINGS } = options;
  const random = randomNumbers(seed);
  const below = (limit: number) => random() % limit;
  let time = START, records = 0;
  const files: Uint8Array[][] = [];
  const startFile = () => files.push([format.start(time)]);
  const add = (encode: () => Uint8Array) => {
    if (options.restartEvery !== undefined && ++records % options.restartEvery === 0) startFile();
    files.at(-1)!.push(encode());
    time += 1 + below(1000);
  };
  startFile();

  const conversations = Array.from({ length: options.connections }, (_, index) => {
    const id = index + 1;
    const connection = connectionOf(id, options);
    const chunks = Array.from({ length: count }, () => ({
      direction: (below(2) === 0 ? "client" : "backend") as Side,
      // Small and large ones.
      bytes: randomBytes(1 + below(2 ** below(Math.ceil(Math.log2(maxChunk)) + 1)), random()),
    }));
    const sent = Object.fromEntries((["client", "backend"] as const).map((direction) => [
      direction,
      joinBytes(chunks.filter((each) => each.direction === direction).map((each) => each.bytes)),
    ])) as Record<Side, Uint8Array>;
    return { connection, ending: endings[index % endings.length]!, sent, chunks };
  });

  // The steps of all connections are interleaved at random.
  const waiting = conversations.map(({ connection, ending, chunks }) => [
    () => format.open(connection, time),
    () => format.event(connection, { text: "channel 0.9 refused, trying another", time }),
    () => format.connected(connection, time),
    ...chunks.map((chunk) => () => format.data(connection, { ...chunk, time })),
    ...endSteps(ending).map((how) => () =>
      how === "close"
        ? format.close(connection, time)
        : format.end(connection, { direction: how[0], how: how[1], time })
    ),
  ]);
  while (waiting.length > 0) {
    const turn = below(Math.min(waiting.length, 50));
    const step = waiting[turn]!.shift();
    if (step === undefined) waiting.splice(turn, 1);
    else add(step);
  }
  return { files: files.map((pieces) => joinBytes(pieces)), conversations };
}

function endSteps(ending: Ending): ("close" | [Side, "end" | "reset"])[] {
  switch (ending) {
    case "orderly":
      return [["client", "end"], ["backend", "end"], "close"];
    case "client reset":
      return [["client", "reset"], "close"];
    case "backend reset":
      return [["backend", "reset"], "close"];
    case "closed":
      return ["close"];
    case "open":
      return [];
  }
}
