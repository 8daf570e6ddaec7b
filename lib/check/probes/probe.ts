import { localHeader } from "../../proxy_protocol/build_header.ts";
import type { SendProxy } from "../../proxy_protocol/send_proxy.ts";
import type { ProbeResult } from "../probe_result.ts";
import type { CheckSpec } from "../spec.ts";
import { checkAgent } from "./agent.ts";
import { expireAfter } from "./deadlines.ts";
import { checkDialogue } from "./dialogue.ts";
import { type Exchange, sendPrefix } from "./exchange.ts";
import { checkExec } from "./exec.ts";
import { checkHttp } from "./http.ts";
import { open } from "./open.ts";
import { checkMysql } from "./mysql.ts";
import { checkPostgres, checkRedis, checkSmtp } from "./ready_made.ts";
import { openCheaply } from "./tcp.ts";
import { failed, failedWith, passed, quoted, type Verdict } from "./verdict.ts";

/** What is probed. */
export interface ProbeTarget {
  /** The host as written, for the header `Host:` of HTTP; IPv6 without brackets. */
  readonly host: string;
  /** Its address; IPv6 without brackets. */
  readonly address: string;
  /** The port to probe, 0 to 65535; an agent has its own. */
  readonly port: number;
  /** The local address to connect from (`-B`). */
  readonly source?: string | undefined;
  /** The PROXY header that clients are announced with there. @default "none" */
  readonly sendProxy?: SendProxy;
  readonly group: number;
  readonly channel: number;
  /** Open connections of the channel; only for `exec`. */
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
 * Probes a backend once: opens at most one connection, or runs one program, and closes it in any
 * case. Never rejects.
 *
 * Many probes should be started in the same turn of the event loop: a turn for a single probe costs
 * three times as much as the probe.
 */
export async function probe(
  spec: CheckSpec,
  target: ProbeTarget,
  options: ProbeOptions,
): Promise<ProbeResult> {
  const started = performance.now();
  // Thousands of these may be made per second.
  const isCheap = spec.kind === "tcp" && prefixOf(spec, target) === undefined;
  const end = isCheap ? await openCheaply(target, options) : undefined;
  if (end === "opened") return { ...CONNECTED, ms: performance.now() - started };
  if (end === "timeout") {
    return { ...failed(timeoutText(options.timeoutMs)), ms: performance.now() - started };
  }
  // Only this connect returns the reason of a failure.
  return await probeWithin(spec, target, { ...options, started });
}

async function probeWithin(
  spec: CheckSpec,
  target: ProbeTarget,
  { timeoutMs, signal, started }: ProbeOptions & { started: number },
): Promise<ProbeResult> {
  const end = new AbortController();
  const cancel = () => end.abort(CANCELED);
  signal.addEventListener("abort", cancel);
  if (signal.aborted) cancel();
  const met = expireAfter(timeoutMs, () => end.abort(timeoutText(timeoutMs)));
  try {
    const verdict = await check(spec, target, end.signal);
    return { ...verdict, ms: performance.now() - started };
  } finally {
    met();
    signal.removeEventListener("abort", cancel);
  }
}

const CANCELED = "canceled", CONNECTED = passed("connected");

function timeoutText(ms: number): string {
  return `timeout after ${ms / 1000} s`;
}

async function check(spec: CheckSpec, target: ProbeTarget, end: AbortSignal): Promise<Verdict> {
  try {
    if (spec.kind === "none") return passed("not checked");
    if (spec.kind === "exec") return await checkExec(spec.argv, target, end);
    const port = spec.kind === "agent" ? spec.port : target.port;
    // Versions of Deno differ in what they do with port 0.
    if (port === 0) return failed("connection refused");
    const conn = await open({ address: target.address, port, source: target.source }, end);
    const prefix = prefixOf(spec, target);
    if (spec.kind === "tcp" && prefix === undefined) {
      conn.close();
      return CONNECTED;
    }
    return await converse(spec, target, { conn, answer: NOTHING, prefix }, end);
  } catch (error) {
    return end.aborted ? failed(String(end.reason)) : failedWith(error);
  }
}

const NOTHING = new Uint8Array(0);

/** The PROXY header of a probe, which is made for no client. An agent gets none. */
function prefixOf(
  { kind }: CheckSpec,
  { sendProxy = "none" }: ProbeTarget,
): Uint8Array | undefined {
  return sendProxy === "none" || kind === "agent" ? undefined : localHeader(sendProxy);
}

/** Checks over a connection, and closes it. Closing ends a read that is pending. */
async function converse(
  spec: CheckSpec,
  target: ProbeTarget,
  exchange: Exchange,
  end: AbortSignal,
): Promise<Verdict> {
  let open = true;
  const close = () => {
    if (open) exchange.conn.close();
    open = false;
  };
  end.addEventListener("abort", close);
  if (end.aborted) close();
  try {
    return await talk(spec, target, exchange);
  } catch (error) {
    if (!end.aborted) return failedWith(error);
    if (end.reason === CANCELED) return failed(CANCELED);
    const answer = exchange.answer.length === 0
      ? " without an answer"
      : `, received ${quoted(exchange.answer)}`;
    return failed(`${end.reason}${answer}`);
  } finally {
    end.removeEventListener("abort", close);
    close();
  }
}

async function talk(
  spec: CheckSpec,
  { host, port }: ProbeTarget,
  exchange: Exchange,
): Promise<Verdict> {
  switch (spec.kind) {
    case "http":
      return await checkHttp(exchange, { ...spec, host, port });
    case "dialogue":
      return await checkDialogue(exchange, spec);
    case "redis":
      return await checkRedis(exchange);
    case "postgres":
      return await checkPostgres(exchange);
    case "mysql":
      return await checkMysql(exchange);
    case "smtp":
      return await checkSmtp(exchange);
    case "agent":
      return await checkAgent(exchange);
    default:
      await sendPrefix(exchange);
      return CONNECTED;
  }
}
