import { ANSWER_BYTES } from "../spec.ts";
import { type Exchange, readAnswer, send } from "./exchange.ts";
import { failed, passed, quoted, type Verdict } from "./verdict.ts";

/**
 * Sends a text, then looks for another one in the answer.
 *
 * @param check `send` is not sent if it is empty. Without `expect`, a text that was sent is enough.
 */
export async function checkDialogue(
  exchange: Exchange,
  check: { readonly send: Uint8Array; readonly expect: Uint8Array | undefined },
): Promise<Verdict> {
  const { expect } = check;
  if (check.send.length > 0) await send(exchange, check.send);
  if (expect === undefined) return passed("sent");
  const end = await readAnswer(exchange, (answer) => contains(answer, expect));
  if (end === "enough") return passed(`answered ${quoted(expect)}`);
  if (exchange.answer.length === 0) return failed("closed without an answer");
  const where = end === "too long" ? `in the first ${ANSWER_BYTES} bytes` : "in the answer";
  return failed(`${quoted(expect)} is not ${where}: ${quoted(exchange.answer)}`);
}

/** Whether bytes occur in others. Both have at most 4096. */
function contains(bytes: Uint8Array, wanted: Uint8Array): boolean {
  const decoder = new TextDecoder("latin1");
  return decoder.decode(bytes).includes(decoder.decode(wanted));
}
