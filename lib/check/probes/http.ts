import { VERSION } from "../../base/version.ts";
import type { StatusRange } from "../spec.ts";
import { type Exchange, readAnswer, send } from "./exchange.ts";
import { failed, passed, quoted, type Verdict } from "./verdict.ts";

/** What is requested. */
export interface HttpCheck {
  readonly path: string;
  /** Statuses that pass. */
  readonly statuses: readonly StatusRange[];
  /** The host as written; IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
}

/** An interim response (1xx) comes before the final one, and has a head of its own. */
const INTERIM = /^HTTP\/1\.[01] 1\d\d[^\n]*\n(?:[^\r\n]+\r?\n)*\r?\n/;
/** A status line, as soon as the status is complete. */
const STATUS = /^HTTP\/1\.[01] (\d{3})[\s]/;

/** Sends a GET request and reads the status. Nothing else of the response matters. */
export async function checkHttp(exchange: Exchange, check: HttpCheck): Promise<Verdict> {
  await send(
    exchange,
    `GET ${check.path} HTTP/1.1\r\nHost: ${hostHeader(check)}\r\n` +
      `User-Agent: balance/${VERSION}\r\nAccept: */*\r\nConnection: close\r\n\r\n`,
  );
  let status: number | undefined;
  const end = await readAnswer(exchange, (answer) => {
    status = statusOf(new TextDecoder().decode(answer), check.statuses);
    return status !== undefined || !maybeHttp(answer);
  });
  if (status !== undefined) {
    return passes(status, check.statuses) ? passed(`HTTP ${status}`) : failed(`HTTP ${status}`);
  }
  if (exchange.answer.length === 0) return failed("closed without an answer");
  const fault = end === "too long" ? "no HTTP status in the first 4096 bytes" : "no HTTP answer";
  return failed(`${fault}: ${quoted(exchange.answer)}`);
}

function hostHeader({ host, port }: HttpCheck): string {
  const name = host.includes(":") ? `[${host}]` : host;
  return port === 80 ? name : `${name}:${port}`;
}

/** The final status, or an interim one that is asked for; `undefined` if it is not there yet. */
function statusOf(text: string, statuses: readonly StatusRange[]): number | undefined {
  for (let rest = text;;) {
    const found = STATUS.exec(rest)?.[1];
    if (found === undefined) return undefined;
    const status = Number(found);
    if (status >= 200 || status === 101 || passes(status, statuses)) return status;
    const interim = INTERIM.exec(rest)?.[0];
    if (interim === undefined) return undefined;
    rest = rest.slice(interim.length);
  }
}

function passes(status: number, statuses: readonly StatusRange[]): boolean {
  return statuses.some(([min, max]) => status >= min && status <= max);
}

/** Whether an answer starts like HTTP. Another protocol is reported at once. */
function maybeHttp(answer: Uint8Array): boolean {
  return [..."HTTP/1."].every((char, at) =>
    answer[at] === undefined || answer[at] === char.charCodeAt(0)
  );
}
