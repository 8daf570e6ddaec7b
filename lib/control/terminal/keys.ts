/** Bytes of a terminal as keys. Pure. */

/** A key. */
export interface Key {
  /**
   * The character, or a name such as `up`, `enter`, `tab`, `space`, `ctrl-a`, `meta-b`; `unknown`
   * for a sequence that has none.
   */
  readonly name: string;
  /** The text to insert, if it is a character. */
  readonly text?: string;
}

/** Decodes the bytes that a terminal sends. */
export interface KeyDecoder {
  /** Whether an escape sequence has begun; it may be the key Esc alone. */
  readonly pending: boolean;
  /** The keys that are complete with these bytes. */
  push(bytes: Uint8Array): Key[];
  /** The key for an escape sequence that does not continue. */
  flush(): Key[];
}

/** A longer sequence is no key. */
const MAX_SEQUENCE = 32;

/** Sequences of ECMA-48 and xterm, without `ESC [` or `ESC O` and modifiers. */
const SEQUENCES = new Map(Object.entries({
  A: "up",
  B: "down",
  C: "right",
  D: "left",
  F: "end",
  H: "home",
  Z: "shift-tab",
  "1~": "home",
  "2~": "insert",
  "3~": "delete",
  "4~": "end",
  "5~": "pageup",
  "6~": "pagedown",
  "7~": "home",
  "8~": "end",
}));

const CONTROL_NAMES = new Map([
  ["\t", "tab"],
  ["\r", "enter"],
  ["\n", "enter"],
  ["\x1b", "escape"],
  ["\x7f", "backspace"],
  ["\b", "backspace"],
  [" ", "space"],
]);

// deno-lint-ignore no-control-regex
const SEQUENCE = /^\x1b(?:\[(\[?[\x30-\x3f]*)[\x20-\x2f]*([\x40-\x7e])|O([\x40-\x7e]))/;
// deno-lint-ignore no-control-regex
const BEGUN = /^\x1b(?:\[\[?[\x20-\x3f]*|O)?$/;

/** A decoder for one terminal. */
export function keyDecoder(): KeyDecoder {
  const decoder = new TextDecoder();
  let held = "", afterReturn = false;
  function take(final: boolean): Key[] {
    const keys: Key[] = [];
    while (held !== "") {
      if (!final && BEGUN.test(held) && held.length < MAX_SEQUENCE) break;
      const [key, length] = first(held);
      held = held.slice(length);
      // A line of a pasted text may end with CR LF.
      const isRest = afterReturn && key.text === "\n";
      afterReturn = key.text === "\r";
      if (!isRest) keys.push(key.name === "enter" ? { name: "enter" } : key);
    }
    return keys;
  }
  return {
    get pending() {
      return held !== "";
    },
    push(bytes) {
      held += decoder.decode(bytes, { stream: true });
      return take(false);
    },
    flush: () => take(true),
  };
}

/** The first key of a text that is not empty, and its length in the text. */
function first(text: string): [Key, number] {
  const sequence = SEQUENCE.exec(text);
  if (sequence !== null) {
    const [whole, parameters = "", final = "", single = ""] = sequence;
    return [{ name: sequenceName(parameters, final || single) }, whole.length];
  }
  const [character = ""] = text;
  if (character === "\x1b" && text.length > 1) {
    const [key, length] = first(text.slice(1));
    return [{ name: key.name === "escape" ? "escape" : `meta-${key.name}` }, length + 1];
  }
  return [characterKey(character), character.length];
}

function sequenceName(parameters: string, final: string): string {
  const [number = "", modifier] = parameters.split(";");
  const name = SEQUENCES.get(final === "~" ? `${number}~` : final);
  if (name === undefined) return "unknown";
  if (modifier === "5") return `ctrl-${name}`;
  return modifier === "3" ? `meta-${name}` : name;
}

function characterKey(character: string): Key {
  const name = CONTROL_NAMES.get(character);
  if (name === "enter") return { name, text: character };
  if (name !== undefined) return name === "space" ? { name, text: " " } : { name };
  const code = character.charCodeAt(0);
  if (code < 32) return { name: `ctrl-${String.fromCharCode(code + 64).toLowerCase()}` };
  if (code >= 0x80 && code < 0xa0) return { name: "unknown" };
  return { name: character, text: character };
}
