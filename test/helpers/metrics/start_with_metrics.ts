/** A running balance with --metrics, and the pages it serves. */

import { listensOn } from "../net/tcp_sockets.ts";
import { type MetricFamily, parseMetrics } from "../openmetrics.ts";
import type { StartOptions } from "../program/start_balance.ts";
import { type Controlled, startControlled } from "../program/start_controlled.ts";
import { until } from "../t.ts";

/** Starts balance with --metrics, and waits until the metrics server listens. */
export async function startWithMetrics(
  argv: readonly string[],
  { port, ...options }:
    & { port: number }
    & Pick<StartOptions, "before" | "env" | "expectStderr" | "redirect">,
): Promise<Controlled> {
  const balance = await startControlled(["-f", "--metrics", ...argv], options);
  try {
    await until(() => listensOn(port, balance.pid), { what: "the metrics server" });
  } catch (error) {
    await balance.stop("SIGKILL");
    throw error;
  }
  return balance;
}

/** Gets a page. */
export async function get(
  port: number,
  path: string,
  init: RequestInit & { host?: string } = {},
): Promise<{ status: number; type: string | null; text: string }> {
  const response = await fetch(`http://${init.host ?? "127.0.0.1"}:${port}${path}`, init);
  return {
    status: response.status,
    type: response.headers.get("content-type"),
    text: await response.text(),
  };
}

export const OPENMETRICS = { headers: { accept: "application/openmetrics-text; version=1.0.0" } };

export async function scrape(port: number): Promise<Map<string, MetricFamily>> {
  return parseMetrics((await get(port, "/metrics", OPENMETRICS)).text, "openmetrics");
}

/**
 * Waits until a metric has a value: a page may be a second old.
 *
 * @returns The page that has it.
 */
export async function untilMetric(
  port: number,
  name: string,
  labels: Record<string, string>,
  wanted: number,
): Promise<Map<string, MetricFamily>> {
  let found: number | undefined;
  return await until(async () => {
    const page = await scrape(port);
    found = value(page, name, labels);
    return found === wanted && page;
  }, {
    timeoutMs: 20_000,
    what: () => `${name} ${JSON.stringify(labels)} to become ${wanted}, not ${found}`,
  });
}

/** The value of the first sample with this name and these labels. */
export function value(
  families: ReadonlyMap<string, MetricFamily>,
  name: string,
  labels: Record<string, string> = {},
): number | undefined {
  const wanted = Object.entries(labels);
  for (const family of families.values()) {
    for (const sample of family.samples) {
      const fits = wanted.every(([label, text]) => sample.labels[label] === text);
      if (sample.name === name && fits) return sample.value;
    }
  }
  return undefined;
}
