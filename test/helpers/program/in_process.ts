/**
 * balance in the test process: accept loop, dialing and relay over real sockets, as the program runs
 * them, but with direct access to the table.
 *
 * @module
 */
import { formatIp } from "../../../lib/address/ip.ts";
import { resolveHost } from "../../../lib/address/resolve_host.ts";
import { serviceLookup } from "../../../lib/address/services.ts";
import { joinBytes } from "../../../lib/base/bytes.ts";
import { parseGroups } from "../../../lib/cli/groups.ts";
import { parseOptions } from "../../../lib/cli/options.ts";
import { serve, type Serving } from "../../../lib/connection/accept/accept_loop.ts";
import { Clock } from "../../../lib/timing/clock.ts";
import { oncePerBurst } from "../../../lib/connection/once_per_burst.ts";
import { dumpTaps } from "../../../lib/dump/dump_tap.ts";
import { createText } from "../../../lib/dump/formats/text.ts";
import { encodeRecord } from "../../../lib/dump/record.ts";
import { engineUnderTest } from "../engine/engine_under_test.ts";
import type { Table } from "../../../lib/table/table.ts";
import { until } from "../t.ts";
import { tableOf } from "../table_of.ts";
import { passiveRules } from "../../../lib/workers/serving_options.ts";

/** A balance in this process, stopped with its connections at the end of its scope. */
export interface InProcess extends AsyncDisposable {
  /** Port that it listens on. */
  readonly port: number;
  readonly table: Table;
  readonly serving: Serving;
  /** What the program would have written to stderr so far. */
  readonly stderr: string;
  /** The lines of `-d` about connections so far. */
  readonly debugLines: readonly string[];
  /** What `-p` has printed so far. */
  readonly stdoutBytes: Uint8Array<ArrayBuffer>;
  /** Waits until no connection is open, so that all counters are final. */
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
  const listener = engineUnderTest.listen({ address, port: 0 });
  if ("failure" in listener) throw new Error(listener.reason);
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
  const format = createText();
  const taps = options.dump
    ? dumpTaps({}, (record) => void printed.push(encodeRecord(format, record)))
    : undefined;
  const notice = (line: string) => void (stderr += `${line}\n`);
  const serving = serve(listener, {
    engine: engineUnderTest,
    table,
    clock: new Clock(),
    options: {
      connectTimeoutMs: options.connectTimeoutS * 1000,
      idleTimeoutMs: options.idleTimeoutS * 1000,
      hashFailover: options.hashFailover,
      autoDisable: options.autoDisable,
      passive: passiveRules(options),
      source: options.sourceHost && formatIp(await resolveHost(options.sourceHost)),
    },
    notice,
    shortage: oncePerBurst(notice),
    timedOut: notice,
    debug: options.debug ? (line) => void debugLines.push(line) : undefined,
    tap: () => taps,
    backendEvent: () => {},
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
      const whole = joinBytes(printed) as Uint8Array<ArrayBuffer>;
      // Kept as one piece, so that frequent calls are cheap.
      printed.splice(0, printed.length, whole);
      return whole;
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
