/**
 * balance in the test's own process: the same parts as `lib/process/foreground.ts` over real
 * sockets, with the table to look at, which the program itself shows only by its control channel.
 *
 * @module
 */
import { formatIp } from "../../../lib/address/ip.ts";
import { resolveHost } from "../../../lib/address/resolve.ts";
import { serviceLookup } from "../../../lib/address/services.ts";
import { DUMP_BLOCK_BYTES } from "../../../lib/base/limits.ts";
import { parseGroups } from "../../../lib/cli/groups.ts";
import { parseOptions } from "../../../lib/cli/options.ts";
import { Clock } from "../../../lib/connection/clock.ts";
import { serve, type Serving } from "../../../lib/connection/accept_loop.ts";
import { textTap } from "../../../lib/dump/text_tap.ts";
import { BatchWriter } from "../../../lib/base/batch_writer.ts";
import { denoEngine } from "../../../lib/engine/deno/deno_engine.ts";
import { tableOf } from "../../../lib/process/build_table.ts";
import type { Table } from "../../../lib/table/table.ts";
import { until } from "../t.ts";

/** A running balance of this process, ended with its connections at the end of its scope. */
export interface InProcess extends AsyncDisposable {
  /** Port it listens on. */
  readonly port: number;
  readonly table: Table;
  readonly serving: Serving;
  /** What an administrator would see on stderr so far. */
  readonly stderr: string;
  /** What `-d` said about connections so far, a line each. */
  readonly debugLines: readonly string[];
  /** What `-p` printed so far. */
  readonly stdoutBytes: Uint8Array<ArrayBuffer>;
  /** Waits until no connection is open, so that all counters are settled. */
  idle(timeoutMs?: number): Promise<void>;
}

/**
 * Starts one on a free port of 127.0.0.1, or of the address of `-b`.
 *
 * @param argv Arguments of the program; the port argument is read but not used.
 */
export async function startInProcess(argv: readonly string[]): Promise<InProcess> {
  const options = parseOptions(argv);
  const address = formatIp(await resolveHost(options.bindHost ?? "127.0.0.1"));
  const listener = denoEngine.listen({ address, port: 0 });
  const { port } = listener.local;
  const groups = parseGroups(options.channels, {
    defaultPort: port,
    services: serviceLookup(undefined),
    maxGroups: options.maxGroups,
    maxChannels: options.maxChannels,
  });
  const table = await tableOf(groups, {
    size: { groups: options.maxGroups, channels: options.maxChannels, workers: 1 },
  });
  let stderr = "";
  const printed: Uint8Array[] = [];
  const debugLines: string[] = [];
  const writer = options.packetDump
    ? new BatchWriter((bytes) => {
      printed.push(bytes.slice());
      return Promise.resolve(bytes.length);
    }, () => {})
    : undefined;
  const serving = serve(listener, {
    engine: denoEngine,
    table,
    clock: new Clock(),
    options: {
      connectTimeoutMs: options.connectTimeoutS * 1000,
      idleTimeoutMs: options.idleTimeoutS * 1000,
      hashFailover: options.hashFailover,
      autoDisable: options.autoDisable,
      source: options.sourceHost && formatIp(await resolveHost(options.sourceHost)),
    },
    notice: (line) => void (stderr += `${line}\n`),
    debug: options.debug ? (line) => void debugLines.push(line) : undefined,
    tap: writer && (() => textTap(writer)),
    chunkBytes: writer && DUMP_BLOCK_BYTES,
  });

  return {
    port,
    table,
    serving,
    debugLines,
    get stderr() {
      return stderr;
    },
    get stdoutBytes() {
      return whole(printed);
    },
    async idle(timeoutMs = 5000) {
      await until(() => serving.connections.size === 0, {
        timeoutMs,
        everyMs: 1,
        what: () => `${serving.connections.size} connections to end`,
      });
    },
    async [Symbol.asyncDispose]() {
      serving.stopNow();
      for (const connection of serving.connections) connection.close("shutdown");
      await serving.done;
    },
  };
}

/** Puts the pieces together, and leaves one piece, so that looking often stays cheap. */
function whole(pieces: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const result = new Uint8Array(pieces.reduce((sum, bytes) => sum + bytes.length, 0));
  let at = 0;
  for (const bytes of pieces.splice(0)) {
    result.set(bytes, at);
    at += bytes.length;
  }
  pieces.push(result);
  return result;
}
