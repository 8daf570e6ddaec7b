import { decodedText } from "../../base/printable.ts";
import type { AgentReply } from "../probe_result.ts";
import { type Exchange, readAnswer } from "./exchange.ts";
import { failed, passed, quoted, shortText, type Verdict } from "./verdict.ts";

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** What each word without a number asks for. */
const WORDS: Readonly<Record<string, AgentReply>> = {
  up: { health: "up" },
  down: { health: "down" },
  failed: { health: "down" },
  fail: { health: "down" },
  stopped: { health: "down" },
  ready: { state: "ready" },
  drain: { state: "drain" },
  maint: { state: "maint" },
};

/** Largest number of connections that an agent can ask for. */
const MAX_CONNECTIONS = 2 ** 31 - 1;

/** HAProxy's agent-check: the agent sends one line, without being asked. */
export async function checkAgent(exchange: Exchange): Promise<Verdict> {
  const end = await readAnswer(exchange, (answer) => answer.includes(10) || answer.includes(13));
  if (end === "too long") return failed(`agent: no line in 4096 bytes: ${quoted(exchange.answer)}`);
  const line = decodedText(exchange.answer).split(/[\r\n]/, 1)[0] ?? "";
  return agentVerdict(line);
}

/**
 * What a line of an agent means: words, separated by blanks or commas, in any case. A reason may
 * follow a `#`. A weight above 100 % counts as 100 %: a channel never gets more than its weight.
 *
 * @returns Failed if it reports `down`, is empty or has an unknown word; an invalid line sets nothing.
 */
export function agentVerdict(line: string): Verdict {
  const words = line.split("#", 1)[0]!.split(/[\s,]+/).filter((word) => word !== "");
  if (words.length === 0) return failed("agent: empty answer");
  const agent: Writable<AgentReply> = {};
  for (const word of words) {
    const meaning = meaningOf(word.toLowerCase());
    if (meaning === undefined) return failed(`agent: unknown word ${shortText(word)}`);
    Object.assign(agent, meaning);
  }
  const text = `agent: ${line.trim().replace(/\s+/g, " ")}`;
  return { ...(agent.health === "down" ? failed(text) : passed(text)), agent };
}

function meaningOf(word: string): AgentReply | undefined {
  if (Object.hasOwn(WORDS, word)) return WORDS[word];
  const percent = /^(\d{1,9})%$/.exec(word)?.[1];
  if (percent !== undefined) return { weightPercent: Math.min(Number(percent), 100) };
  const maxc = /^max(?:conn|int):(\d{1,15})$/.exec(word)?.[1];
  if (maxc !== undefined) return { maxc: Math.min(Number(maxc), MAX_CONNECTIONS) };
  return undefined;
}
