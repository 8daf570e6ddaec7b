/** Dialogues with servers whose protocol needs no login to see that they are up. */

import { decodedText } from "../../base/printable.ts";
import { type Exchange, readAnswer, readLine, send } from "./exchange.ts";
import { failed, passed, quoted, type Verdict } from "./verdict.ts";

/**
 * Redis: `PING` is answered with `+PONG`. A server that requires a password is also up; one that is
 * still loading its data is not.
 */
export async function checkRedis(exchange: Exchange): Promise<Verdict> {
  await send(exchange, "PING\r\n");
  const line = await readLine(exchange);
  if (line === "+PONG") return passed("PONG");
  if (line?.startsWith("-NOAUTH")) return passed("NOAUTH");
  if (line?.startsWith("-")) return failed(line.slice(1));
  return failed(unexpected(exchange, "Redis"));
}

/** The length, 8, and the code of an SSLRequest of PostgreSQL. */
const SSL_REQUEST = new Uint8Array([0, 0, 0, 8, 4, 210, 22, 47]);
const LETTER_S = 83, LETTER_N = 78, LETTER_E = 69;

/**
 * PostgreSQL: an SSLRequest is answered with `S` (SSL is on) or `N`. An error, such as too many
 * processes, starts with `E`.
 */
export async function checkPostgres(exchange: Exchange): Promise<Verdict> {
  await send(exchange, SSL_REQUEST);
  await readAnswer(exchange, ({ length }) => length > 0);
  switch (exchange.answer[0]) {
    case LETTER_S:
      return passed("PostgreSQL with SSL");
    case LETTER_N:
      return passed("PostgreSQL");
    case LETTER_E: {
      await readAnswer(exchange, () => false);
      const text = decodedText(exchange.answer.subarray(1));
      // Fields, each a letter and a string; M is the message. Servers without any send plain text.
      const message = /\0M([^\0]*)\0/.exec(text)?.[1] ?? text.split("\0", 1)[0] ?? "";
      return failed(`error: ${message}`);
    }
    default:
      return failed(unexpected(exchange, "PostgreSQL"));
  }
}

/** SMTP: the server greets with 220. `QUIT` ends the session. */
export async function checkSmtp(exchange: Exchange): Promise<Verdict> {
  // In all lines of a greeting but the last, a hyphen follows the code.
  const complete = /^(?:\d{3}-[^\n]*\n)*\d{3}(?: [^\n]*|\r?)\n/;
  await readAnswer(exchange, (answer) => {
    const text = new TextDecoder().decode(answer);
    return complete.test(text) || !/^(?:\d{0,3}$|\d{3}[ \r\n-])/.test(text);
  });
  const greeting = complete.exec(decodedText(exchange.answer))?.[0];
  if (greeting === undefined) return failed(unexpected(exchange, "SMTP"));
  if (!greeting.startsWith("220")) return failed(greeting);
  try {
    await send(exchange, "QUIT\r\n");
  } catch { /* it has closed, but it was up */ }
  return passed(greeting.split("\n", 1)[0]!);
}

/** Describes an answer of another protocol. */
export function unexpected({ answer }: Exchange, protocol: string): string {
  if (answer.length === 0) return "closed without an answer";
  return `unexpected ${protocol} answer: ${quoted(answer)}`;
}
