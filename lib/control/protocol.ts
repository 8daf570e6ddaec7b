/**
 * The protocol of the control socket: lines of text.
 *
 * For use by hand, a line is a command, and the answer is only its output:
 *
 *     printf 'show\n' | socat - UNIX-CONNECT:/var/run/balance/balance.25.0.0.0.0
 *
 * A program starts with the line `.hello`. The server answers with a line of JSON about itself
 * ({@link Hello}). After that, each answer starts with a line of JSON ({@link ReplyHead}).
 *
 * Some commands report their progress. A program that sends the line `.progress` first, to which
 * there is no answer, gets their answers in parts, each with its own head. Others get one answer at
 * the end; by hand, the parts are printed as they come. A program that closes its connection
 * meanwhile abandons the answer.
 */

import { joinBytes, NO_BYTES } from "../base/bytes.ts";

/**
 * First line of a client that needs to know where an answer ends. Words after it are ignored: a
 * later release may send some. But 4.0.0 does not understand them.
 */
export const HELLO = ".hello";

/**
 * Line of a client that takes answers in parts, if the greeting of the server has `progress`. It is
 * not answered.
 */
export const PROGRESS = ".progress";

/**
 * Line of a successor (`--takeover`), if the greeting of the server has `takeover`. From then on the
 * session is as in `lib/takeover/messages.ts`.
 */
export const TAKEOVER = ".takeover";

/** Version of that session. It changes only if two versions would misunderstand each other. */
export const TAKEOVER_VERSION = 1;

/**
 * Version of the framed protocol. It changes only if client and server of different versions would
 * misunderstand each other; fields that either side does not know are ignored.
 */
export const PROTOCOL = 1;

/** Maximum length of a command, in bytes without its newline. */
export const MAX_LINE_BYTES = 4096;
/** The answer to a longer one, without its newline. */
export const LINE_TOO_LONG = `line too long, the limit is ${MAX_LINE_BYTES} bytes`;
const READ_BYTES = 4096;

/** Maximum number of clients at a time. Another one replaces one of them, see clients.ts. */
export const MAX_CLIENTS = 128;

/** Milliseconds after which a client that does not read its answer is closed. */
export const UNREAD_TIMEOUT_MS = 30_000;

/** Milliseconds after which another client may replace one that does not read its answer. */
export const UNREAD_REPLACE_MS = 1000;

/** Milliseconds that a client may take for its first line. */
export const SILENT_TIMEOUT_MS = 30_000;

/** Milliseconds after which a client that has sent a line is closed. The shell reconnects. */
export const IDLE_TIMEOUT_MS = 3_600_000;

/**
 * Milliseconds that every client has to send a line before another one may replace it; less if there
 * is room for fewer than {@link MAX_CLIENTS}.
 */
export const MIN_IDLE_MS = 100;

/** The greeting of the server. Only the first two fields are in that of 4.0.0. */
export interface Hello {
  readonly version: string;
  readonly pid: number;
  /** {@link PROTOCOL} of the server. */
  readonly protocol?: number;
  /** Milliseconds since its start. */
  readonly uptimeMs?: number;
  /** It understands {@link PROGRESS}. */
  readonly progress?: boolean;
  /** {@link TAKEOVER_VERSION} of the server. */
  readonly takeover?: number;
  /** It accepts no more connections, and exits after the last one. */
  readonly stopping?: boolean;
  /** A successor gets the new connections; `stopping` follows when it has accepted those of before. */
  readonly succeeded?: boolean;
  /** Number of open connections. */
  readonly open?: number;
  /** The address that it listens on. */
  readonly address?: string;
  readonly port?: number;
}

/**
 * Whether a client of this version understands a server. 4.0.0 sent no protocol version; its
 * protocol is the same.
 */
export function isUnderstood({ protocol, version }: Hello): boolean {
  return protocol === PROTOCOL || (protocol === undefined && /^4\.0\./.test(version));
}

/** The line before an answer. */
export interface ReplyHead {
  /** Bytes of text that follow. */
  readonly bytes: number;
  /** The current group. */
  readonly group: number;
  readonly failed: boolean;
  /** Why the session ends after this answer: `quit`, `kill`, or a line that is too long. */
  readonly over?: "quit" | "stop" | "limit" | undefined;
  /** Another part of the same answer follows. Only `group` of this one counts. */
  readonly more?: true | undefined;
}

/**
 * Splits a stream into lines of at most {@link MAX_LINE_BYTES}.
 *
 * @returns Lines without newlines. The last line may lack one. A line that is too long yields
 * `undefined` and ends the lines.
 */
export async function* readLines(
  from: { read(buffer: Uint8Array): Promise<number | null> },
): AsyncGenerator<string | undefined> {
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(READ_BYTES);
  let held: Uint8Array = NO_BYTES;
  for (let n = await from.read(buffer); n !== null; n = await from.read(buffer)) {
    held = joinBytes([held, buffer.subarray(0, n)]);
    for (let end = held.indexOf(10); end >= 0; end = held.indexOf(10)) {
      if (end > MAX_LINE_BYTES) return yield undefined;
      yield decoder.decode(held.subarray(0, end));
      held = held.subarray(end + 1);
    }
    if (held.length > MAX_LINE_BYTES) return yield undefined;
  }
  if (held.length > 0) yield decoder.decode(held);
}
