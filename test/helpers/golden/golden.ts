/**
 * The recorded behavior of 3.35 (`test/golden/`): loading it, and translating its literal
 * ports, version and placeholders to those of a run and back.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { type Backend, named } from "../net/backends.ts";
import { freePort } from "../net/ports.ts";
import { config } from "../program/program.ts";

/**
 * Loads the records of one file.
 *
 * @param name File name without folder and extension, e.g. `"balancing"`.
 */
export function loadGolden<T>(name: string): T[] {
  return JSON.parse(
    Deno.readTextFileSync(`${import.meta.dirname}/../../golden/records/${name}.json`),
  );
}

/** The version that balance prints where the records have 3.35. */
export const VERSION: string = config().version;

/** Bytes of a text that has one code point per byte. @throws {RangeError} If one is above 255. */
export function bytesFromLatin1(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(text, (char) => {
    const code = char.codePointAt(0) ?? 0;
    if (code > 255) throw new RangeError(`Cannot turn ${char} into a byte: it is U+${code}`);
    return code;
  });
}

/** A text with one code point per byte. */
export function latin1FromBytes(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

/** Bytes of a base64 text. */
export function bytesFromBase64(text: string): Uint8Array<ArrayBuffer> {
  return bytesFromLatin1(atob(text));
}

/** Ports in the records: masters, backends, dead ones, one in use. */
const RECORDED = /\b21\d{3}\b/g;
const FIRST_BACKEND = 21901;

/** Translates ports between the records and a run; both have five digits. */
export interface PortMap {
  /** The port of this run for a recorded one; a free port unless {@linkcode set} fixed it. */
  port(recorded: number): number;
  /** Fixes the port of this run for a recorded one. */
  set(recorded: number, port: number): void;
  /** Replaces recorded ports in arguments or a script with those of this run. */
  here(text: string): string;
  argv(recorded: readonly string[]): string[];
  /** Replaces ports of this run in a text with the recorded ones. */
  back(text: string): string;
}

/** Makes an empty map. Each recorded port gets a free one at its first use. */
export function portMap(): PortMap {
  const ports = new Map<number, number>();
  function port(recorded: number): number {
    const known = ports.get(recorded);
    if (known !== undefined) return known;
    const fresh = freePort();
    ports.set(recorded, fresh);
    return fresh;
  }
  const here = (text: string): string =>
    text.replaceAll(RECORDED, (word) => String(port(Number(word))));
  return {
    port,
    set: (recorded, own) => void ports.set(recorded, own),
    here,
    argv: (recorded) => recorded.map(here),
    back(text) {
      const recorded = new Map([...ports].map(([from, to]) => [String(to), String(from)]));
      return text.replaceAll(/\b\d{5}\b/g, (word) => recorded.get(word) ?? word);
    },
  };
}

/** The backends of the records, and the map to their ports. */
export interface RecordedBackends extends AsyncDisposable {
  readonly ports: PortMap;
  /** Backend `i` answers `B<i>` and replaces port 21901 + i. */
  readonly backends: readonly Backend[];
}

/** Starts backends B0, B1 ... and maps the recorded ports to them. @param count Default 16. */
export function recordedBackends(count = 16): RecordedBackends {
  const backends = Array.from({ length: count }, (_, index) => named(`B${index}`));
  const ports = portMap();
  backends.forEach((backend, index) => ports.set(FIRST_BACKEND + index, backend.port));
  return {
    ports,
    backends,
    async [Symbol.asyncDispose]() {
      await Promise.all(backends.map((backend) => backend.stop()));
    },
  };
}

const escaped = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");

const PLACEHOLDERS: ReadonlyArray<readonly [RegExp, string]> = [
  [/<USAGE>/g, `\nbalance ${escaped(VERSION)}\n[\\s\\S]*`],
  [/<BALANCE>/g, "[^\\n]+?"],
  [/<PID>/g, "\\d+"],
  [/<ENGINE>/g, "(?:streams|epoll)"],
  [/<TIME>/g, "[^\\n]+?"],
  [/<DEBUG OUTPUT>/g, "[\\s\\S]*"],
  [/<HELPLINE ([^\n]+)>/g, "[^\\n]*$1[^\\n]*"],
];

/**
 * Asserts that a text of this run is the recorded one.
 *
 * Ports are translated back first. In the recorded text 3.35 is replaced by the version of balance,
 * the engine is added to the answer of `version`, and placeholders match what they describe.
 *
 * @param options `ports` of this run, `name` of the record for the message, `pid` for `<PID>`.
 */
export function assertRecorded(
  actual: string,
  recorded: string,
  options: { ports?: PortMap; name?: string; pid?: number } = {},
): void {
  const { ports, name = "", pid } = options;
  const translated = ports ? ports.back(actual) : actual;
  const own = recorded.replaceAll(/\b3\.35\b/g, VERSION)
    .replaceAll(/^ {2}MAXCHANNELS=16\n/gm, "$&  ENGINE=<ENGINE>\n")
    .replaceAll("<PID>", pid === undefined ? "<PID>" : String(pid));
  if (!PLACEHOLDERS.some(([placeholder]) => own.search(placeholder) >= 0)) {
    assertEquals(translated, own, name);
    return;
  }
  // Escaping leaves the characters of a placeholder alone.
  const pattern = PLACEHOLDERS.reduce(
    (text, [placeholder, meaning]) => text.replaceAll(placeholder, meaning),
    escaped(own),
  );
  assertMatch(translated, new RegExp(`^${pattern}$`), name);
}

/**
 * Leaves out the records from which balance deviates on purpose.
 *
 * @param deviations Name of each such record, and the reason.
 * @throws {AssertionError} If a deviation names no record, which keeps the list from going stale.
 */
export function withoutDeviations<T extends { name: string }>(
  records: readonly T[],
  deviations: Readonly<Record<string, string>>,
): T[] {
  for (const name of Object.keys(deviations)) {
    assert(records.some((record) => record.name === name), `no record is named ${name}`);
  }
  return records.filter((record) => !Object.hasOwn(deviations, record.name));
}
