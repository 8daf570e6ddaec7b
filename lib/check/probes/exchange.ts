import { joinBytes, NO_BYTES, writeAll } from "../../base/bytes.ts";
import { decodedText } from "../../base/printable.ts";
import { ANSWER_BYTES } from "../spec.ts";

/** The part of a connection that a probe needs. */
export interface ProbeConn {
  read(buffer: Uint8Array): Promise<number | null>;
  write(bytes: Uint8Array): Promise<number>;
  close(): void;
}

/** A connection to a backend, and the start of what it has answered. */
export interface Exchange {
  readonly conn: ProbeConn;
  /** The answer so far, at most 4096 bytes. */
  answer: Uint8Array<ArrayBuffer>;
  /** What is sent before everything else, together with what is sent first. */
  prefix?: Uint8Array | undefined;
}

/** How reading an answer has ended: it has all that was looked for, is too long, or has ended. */
export type AnswerEnd = "enough" | "too long" | "closed";

/** Sends bytes or text. */
export async function send(exchange: Exchange, data: Uint8Array | string): Promise<void> {
  const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
  const { prefix = NO_BYTES } = exchange;
  exchange.prefix = undefined;
  await writeAll(exchange.conn, prefix.length === 0 ? bytes : joinBytes([prefix, bytes]));
}

/** Sends what must come before everything else, unless that is done. */
export async function sendPrefix(exchange: Exchange): Promise<void> {
  if (exchange.prefix !== undefined) await send(exchange, NO_BYTES);
}

/**
 * Reads until the answer is enough, or has 4096 bytes, or the backend has ended it.
 *
 * @param enough Looks at all of the answer so far.
 */
export async function readAnswer(
  exchange: Exchange,
  enough: (answer: Uint8Array) => boolean,
): Promise<AnswerEnd> {
  await sendPrefix(exchange);
  const buffer = new Uint8Array(ANSWER_BYTES);
  buffer.set(exchange.answer);
  let length = exchange.answer.length;
  for (;;) {
    if (enough(exchange.answer)) return "enough";
    if (length === buffer.length) return "too long";
    const count = await exchange.conn.read(buffer.subarray(length));
    if (count === null) return "closed";
    length += count;
    exchange.answer = buffer.subarray(0, length);
  }
}

/**
 * Reads a line.
 *
 * @returns The line without its end; what there is if the backend has ended it; `undefined` if it
 *     is too long.
 */
export async function readLine(exchange: Exchange): Promise<string | undefined> {
  const end = await readAnswer(exchange, (answer) => answer.includes(NEWLINE));
  if (end === "too long") return undefined;
  return decodedText(exchange.answer).split(/\r?\n/, 1)[0];
}

const NEWLINE = 10;
