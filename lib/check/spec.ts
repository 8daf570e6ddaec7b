import { closest, typingErrors } from "../address/closest.ts";
import { suggestion } from "../address/faults.ts";
import { splitCommand } from "./argv.ts";
import { parseEscapedText } from "./escaped_text.ts";
import { SpecError } from "./spec_error.ts";

/** Bytes of an answer that a check looks at, and the maximum length of a text to send or to expect. */
export const ANSWER_BYTES = 4096;

/** A range of HTTP statuses, both ends included. */
export type StatusRange = readonly [min: number, max: number];

/** A check, as it was written and what it means. */
export type CheckSpec = { readonly text: string } & CheckKind;

type CheckKind =
  | { readonly kind: "none" | "tcp" | "redis" | "postgres" | "mysql" | "smtp" }
  | { readonly kind: "http"; readonly path: string; readonly statuses: readonly StatusRange[] }
  | {
    readonly kind: "dialogue";
    /** Empty if only an answer is expected. */
    readonly send: Uint8Array<ArrayBuffer>;
    /** `undefined`: any answer, or none. */
    readonly expect: Uint8Array<ArrayBuffer> | undefined;
  }
  | { readonly kind: "exec"; readonly argv: readonly string[] }
  | { readonly kind: "agent"; readonly port: number };

/** The checks without an argument. */
const PLAIN = ["none", "tcp", "redis", "postgres", "mysql", "smtp"] as const;
/** The checks with one, and what it is. */
const WITH_ARGUMENT = {
  http: "a path, for example http:/health",
  send: "a text, for example send:PING\\r\\n/expect:PONG",
  expect: "a text, for example expect:220",
  exec: "a command, for example exec:/usr/bin/pg_isready",
  agent: "a port, for example agent:9999",
} as const;

/** How checks begin, for completions; without `none`. */
export const CHECK_STARTS: readonly string[] = [
  ...["tcp", "http:/", "redis", "postgres", "mysql", "smtp"],
  ...["send:", "expect:", "exec:", "agent:"],
];

/** Statuses that pass if a check lists none. */
const DEFAULT_STATUSES: readonly StatusRange[] = [[200, 399]];

/**
 * Parses a check: `tcp`, `http:PATH[=STATUSES]`, `send:TEXT/expect:TEXT` or one half of it, `redis`,
 * `postgres`, `mysql`, `smtp`, `exec:COMMAND`, `agent:PORT` or `none`; see HEALTH CHECKS in
 * balance(1).
 *
 * @throws {SpecError} Naming the check and the reason.
 */
export function parseCheckSpec(text: string): CheckSpec {
  try {
    return { text, ...parseKind(text) };
  } catch (error) {
    if (!(error instanceof SpecError)) throw error;
    throw new SpecError(`invalid check [${text}]: ${error.message}`);
  }
}

function parseKind(text: string): CheckKind {
  const [, name = "", colon, argument = ""] = /^([^:]*)(:?)(.*)$/s.exec(text) ?? [];
  const plain = PLAIN.find((known) => known === name);
  if (plain !== undefined) {
    if (colon !== "") throw new SpecError(`${name} takes no argument`);
    return { kind: plain };
  }
  if (!Object.hasOwn(WITH_ARGUMENT, name)) throw new SpecError(unknownCheck(name));
  const known = name as keyof typeof WITH_ARGUMENT;
  if (argument === "") throw new SpecError(`${known} needs ${WITH_ARGUMENT[known]}`);
  switch (known) {
    case "http":
      return parseHttp(argument);
    case "send":
    case "expect":
      return parseDialogue(text);
    case "exec":
      return { kind: "exec", argv: splitCommand(argument) };
    case "agent":
      return { kind: "agent", port: parseProbedPort(argument) };
  }
}

function unknownCheck(name: string): string {
  const names = [...PLAIN.slice(1), ...Object.keys(WITH_ARGUMENT), "none"];
  const meant = suggestion(closest(name, names));
  return `unknown check${meant || `; known are ${names.join(", ")}`}`;
}

/**
 * Parses a port that can be probed.
 *
 * @throws {SpecError} If it is not a number from 1 to 65535.
 */
export function parseProbedPort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port >= 1 && port <= 65535) return port;
  throw new SpecError(`the port [${text}] is not a number from 1 to 65535`);
}

/**
 * The statuses follow the last `=`. In a query, as in `http:/health?id=5`, only numbers of three
 * digits count as statuses.
 */
function parseHttp(argument: string): CheckKind {
  const [, before = "", list = ""] = /^(.*)=([\d,-]*)$/s.exec(argument) ?? [];
  const isList = before !== "" &&
    (!before.includes("?") || /^\d{3}(-\d{3})?(,\d{3}(-\d{3})?)*$/.test(list));
  const path = isList ? before : argument;
  const meant = /^[^?]*=([1-5][^=]*)$/s.exec(path)?.[1];
  if (meant !== undefined) parseStatuses(meant);
  if (path.includes("#")) throw new SpecError("a fragment (#) is not sent to a server");
  if (path.startsWith("//")) throw new SpecError("write only the path, without a host");
  if (!path.startsWith("/")) throw new SpecError("the path must start with /");
  if (!/^[\x21-\x7e]+$/.test(path)) {
    throw new SpecError("the path has a character that a URL cannot have; write it as %HH");
  }
  return { kind: "http", path, statuses: isList ? parseStatuses(list) : DEFAULT_STATUSES };
}

function parseStatuses(list: string): StatusRange[] {
  return list.split(",").map((item) => {
    const [, first, last = first] = /^(\d{3})(?:-(\d{3}))?$/.exec(item) ?? [];
    const min = Number(first), max = Number(last);
    if (min >= 100 && max <= 599 && min <= max) return [min, max];
    throw new SpecError(`[${item}] is not a status from 100 to 599, or a range such as 200-299`);
  });
}

function parseDialogue(text: string): CheckKind {
  // A slash after a backslash does not end the text to send.
  const [, send, , expect] = /^(?:send:((?:\\.|[^\\])*?))?((?:^|\/)expect:(.*))?$/s.exec(text) ??
    [];
  if (send === undefined && expect === undefined) parseEscapedText(text);
  const typo = /(?:^|[^\\])\/([a-z]{5,7}):/.exec(send ?? "")?.[1];
  if (typo !== undefined && typingErrors(typo, "expect") === 1) {
    throw new SpecError(`[/${typo}:] is not /expect:; write \\/ for a slash that is sent`);
  }
  const dialogue = {
    kind: "dialogue",
    send: parseEscapedText(send ?? ""),
    expect: expect === undefined ? undefined : parseEscapedText(expect),
  } as const;
  if (send === "" || expect === "") throw new SpecError("the text is missing");
  if (Math.max(dialogue.send.length, dialogue.expect?.length ?? 0) > ANSWER_BYTES) {
    throw new SpecError(`the text is longer than ${ANSWER_BYTES} bytes`);
  }
  return dialogue;
}
