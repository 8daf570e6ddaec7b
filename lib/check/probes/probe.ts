import type { ProbeResult } from "../probe_result.ts";
import type { CheckSpec } from "../spec.ts";

/** What is probed. */
export interface ProbeTarget {
  /** The host as written, for the header `Host:` of HTTP. */
  readonly host: string;
  /** Its address; IPv6 without brackets. */
  readonly address: string;
  /** The port to probe. */
  readonly port: number;
  /** The local address to connect from (`-B`). */
  readonly source?: string | undefined;
  readonly group: number;
  readonly channel: number;
  /** Open connections of the channel; only `exec` is told. */
  readonly connections: number;
}

/** Limits of one probe. */
export interface ProbeOptions {
  /** The probe ends after this time, in milliseconds, at the latest. */
  readonly timeoutMs: number;
  /** Ends the probe at once; its result then means nothing. */
  readonly signal: AbortSignal;
}

/**
 * Probes a backend once: opens at most one connection or process, and closes it in any case. Never
 * rejects.
 */
export async function probe(
  spec: CheckSpec,
  target: ProbeTarget,
  { timeoutMs }: ProbeOptions,
): Promise<ProbeResult> {
  await Promise.resolve();
  return { ok: false, text: `${spec.kind} of ${target.host} within ${timeoutMs} ms`, ms: 0 };
}
