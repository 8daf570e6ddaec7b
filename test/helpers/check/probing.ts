/**
 * Probes backends in the test process.
 *
 * @module
 */
import { probe, type ProbeTarget } from "../../../lib/check/probes/probe.ts";
import type { ProbeResult } from "../../../lib/check/probe_result.ts";
import { parseCheckSpec } from "../../../lib/check/spec.ts";
import { writeAll } from "../../../lib/base/bytes.ts";
import { type Backend, backend } from "../net/backends.ts";
import { within } from "../t.ts";

/** Options of {@linkcode probing}; the rest replaces parts of the target. */
export interface ProbingOptions extends Partial<ProbeTarget> {
  /** @default {30_000}: a test that does not wait for the timeout must never see it. */
  timeoutMs?: number;
  signal?: AbortSignal;
}

/** Probes a port of 127.0.0.1 once. Its name as written is `web1`. */
export async function probing(
  check: string,
  port: number,
  options: ProbingOptions = {},
): Promise<ProbeResult> {
  const { timeoutMs = 30_000, signal = new AbortController().signal, ...changes } = options;
  const target = {
    ...{ host: "web1", address: "127.0.0.1", port, group: 0, channel: 1, connections: 7 },
    ...changes,
  };
  const result = probe(parseCheckSpec(check), target, { timeoutMs, signal });
  return await within(result, { timeoutMs: timeoutMs + 30_000, what: `the probe ${check}` });
}

/** Whether a probe has passed, and its text. */
export async function outcome(
  ...args: Parameters<typeof probing>
): Promise<{ ok: boolean; text: string }> {
  const { ok, text } = await probing(...args);
  return { ok, text };
}

/** A backend that answers, and what it was sent. */
export interface Answering extends Backend {
  /** The bytes of all connections, as Latin-1. */
  readonly received: string;
}

/**
 * Starts a backend that sends an answer, then reads until the client closes.
 *
 * @param answer As Latin-1.
 * @param options `after`: waits until it has received this; `hangUp`: closes after the answer.
 */
export function answering(
  answer: string,
  options: { after?: string; hangUp?: boolean } = {},
): Answering {
  let received = "";
  const decoder = new TextDecoder("latin1");
  const base = backend(async (conn) => {
    const buffer = new Uint8Array(4096);
    const read = async () => {
      const count = await conn.read(buffer);
      if (count !== null) received += decoder.decode(buffer.subarray(0, count));
      return count !== null;
    };
    while (!received.includes(options.after ?? "")) if (!await read()) return;
    await writeAll(conn, Uint8Array.from(answer, (char) => char.charCodeAt(0)));
    while (!options.hangUp && await read());
  });
  return {
    ...base,
    get received() {
      return received;
    },
    get open() {
      return base.open;
    },
    get accepted() {
      return base.accepted;
    },
  };
}
