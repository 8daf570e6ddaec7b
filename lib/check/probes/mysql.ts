import { decodedText } from "../../base/printable.ts";
import { wasEstablished } from "../../engine/failures.ts";
import { type Exchange, readAnswer, send } from "./exchange.ts";
import { unexpected } from "./ready_made.ts";
import { failed, passed, type Verdict } from "./verdict.ts";

/** The user that a probe logs in as. It need not exist. */
const USER = "balance";
/** First byte of a greeting (the version of the protocol), and of answers to a login. */
const GREETING = 10, ERROR = 255, OK = 0, OTHER_LOGIN = 254;
/** The start of a packet: three bytes of length, and its number. */
const HEADER = 4;
/** Asks to be disconnected. */
const QUIT = packet(0, [1]);

/**
 * MySQL and MariaDB: the server greets. An error, such as too many connections, is given instead.
 *
 * The probe then logs in as `balance`, without a password, and passes whatever the answer is: a
 * server counts connections that end before a login, and after 100 in a row (`max_connect_errors`)
 * it refuses every client from this host.
 */
export async function checkMysql(exchange: Exchange): Promise<Verdict> {
  const greeting = await readPacket(exchange, 0);
  const type = greeting?.[0];
  if (greeting === undefined || (type !== GREETING && type !== ERROR)) {
    return failed(unexpected(exchange, "MySQL"));
  }
  if (type === ERROR) {
    const [, low = 0, high = 0] = greeting;
    // A state of SQL may come first.
    const message = decodedText(greeting.subarray(3)).replace(/^#.{5}/, "");
    return failed(`error ${low + 256 * high}: ${message}`);
  }
  const version = decodedText(greeting.subarray(1)).split("\0", 1)[0];
  await logIn(exchange);
  return passed(`MySQL ${version}`);
}

/** Ends when the server has accepted or refused the login. */
async function logIn(exchange: Exchange): Promise<void> {
  try {
    await send(exchange, loginPacket());
    let at = packetLength(exchange.answer);
    let answer = await readPacket(exchange, 2, at);
    // The server may ask for another way to log in, again without a password.
    if (answer?.[0] === OTHER_LOGIN) {
      await send(exchange, packet(3, []));
      at += HEADER + answer.length;
      answer = await readPacket(exchange, 4, at);
    }
    if (answer?.[0] === OK) await send(exchange, QUIT);
  } catch (error) {
    // The server has greeted; whether it hangs up now does not matter. A timeout does.
    if (!wasEstablished(error)) throw error;
  }
}

function loginPacket(): Uint8Array<ArrayBuffer> {
  const text = (value: string) => [...new TextEncoder().encode(value), 0];
  return packet(1, [
    // Long password, protocol 4.1, its authentication, named ways to log in.
    ...[0x01, 0x82, 0x08, 0x00],
    // Largest packet: 16 MiB. Character set: utf8.
    ...[0, 0, 0, 1, 33],
    ...new Array<number>(23).fill(0),
    ...text(USER),
    // A password of no bytes.
    0,
    ...text("mysql_native_password"),
  ]);
}

function packet(sequence: number, body: readonly number[]): Uint8Array<ArrayBuffer> {
  return new Uint8Array([body.length, 0, 0, sequence, ...body]);
}

/**
 * Reads a packet, as far as it fits into what is read of the answer.
 *
 * @param at Where it starts in the answer.
 * @returns Its body; `undefined` if it has another number, or the connection has ended.
 */
async function readPacket(
  exchange: Exchange,
  sequence: number,
  at = 0,
): Promise<Uint8Array | undefined> {
  const isOther = (bytes: Uint8Array) => (bytes[HEADER - 1] ?? sequence) !== sequence;
  const isStrange = ({ [HEADER]: type }: Uint8Array) =>
    sequence === 0 && type !== undefined && type !== GREETING && type !== ERROR;
  const end = await readAnswer(exchange, (answer) => {
    const bytes = answer.subarray(at);
    return isOther(bytes) || isStrange(bytes) || bytes.length >= packetLength(bytes);
  });
  const bytes = exchange.answer.subarray(at);
  if (isOther(bytes) || bytes.length <= HEADER || end === "closed") return undefined;
  return bytes.subarray(HEADER, packetLength(bytes));
}

/** Bytes of the first packet, with its header; more than there are if that is incomplete. */
function packetLength([low, middle, high]: Uint8Array): number {
  if (low === undefined || middle === undefined || high === undefined) return HEADER + 1;
  return HEADER + low + 256 * middle + 65536 * high;
}
