/** Reads lines from a terminal, with editing, history, search and completion. */

import {
  type EditorEffect,
  type EditorState,
  insert,
  newLine,
  press,
  type Pressed,
  textOf,
} from "./line_editor.ts";
import { inColumns, lineView } from "./line_view.ts";
import { eventQueue } from "./event_queue.ts";
import type { ProgramTerminal, TerminalEvent, TerminalSignal } from "./terminal.ts";

/** Why there is no line: ^D, a closed terminal, or a signal. */
export type LineEnd = "end" | "closed" | TerminalSignal;

/** Words that may follow a text. */
export interface Completions {
  /** The start of the text's last word, which they replace. */
  readonly word: string;
  readonly candidates: readonly string[];
}

/** Options of {@link lineReader}. */
interface ReaderOptions {
  /** Earlier lines, the oldest first. */
  readonly history: readonly string[];
  /** Called for each new line of the history. */
  readonly remember: (line: string) => void;
  /** Completes the text before the cursor. */
  readonly complete: (text: string) => Promise<Completions>;
}

/** Reads lines until it is disposed. */
export interface LineReader extends Disposable {
  /** Shows the prompt and waits for a line. */
  next(prompt: string): Promise<{ readonly line: string } | { readonly end: LineEnd }>;
  /**
   * Waits for a promise until it settles or the user interrupts it. Keys that are typed meanwhile
   * are read later.
   *
   * @returns `interrupted` after ^C.
   */
  during<T>(
    work: Promise<T>,
  ): Promise<{ readonly result: T } | { readonly end: LineEnd | "interrupted" }>;
}

/** Maximum number of lines in the history. */
export const MAX_HISTORY = 1000;
/** Maximum number of candidates to list. */
const MAX_CANDIDATES = 200;

const CLEAR_BELOW = "\x1b[J", CLEAR_SCREEN = "\x1b[H\x1b[2J", BELL = "\x07";

/** A reader of lines. It is the only listener of the terminal, except while another one listens. */
export function lineReader(terminal: ProgramTerminal, options: ReaderOptions): LineReader {
  const events = eventQueue<TerminalEvent>();
  const listening = terminal.listen(events.push);
  let history: readonly string[] = options.history, killed = "";

  function remember(line: string): void {
    if (line.trim() === "" || line === history.at(-1)) return;
    history = [...history.slice(1 - MAX_HISTORY), line];
    options.remember(line);
  }

  return {
    async next(prompt) {
      const editor: Editor = { ...options, terminal, prompt };
      let state = newLine(history, killed), tabs = 0;
      draw(editor, state);
      for (;;) {
        const event = await events.next();
        if (event.type === "end") return { end: "closed" };
        if (event.type === "signal") {
          leave(editor, state);
          return { end: event.signal };
        }
        if (event.type === "key") {
          let effect: EditorEffect | undefined;
          ({ state, effect } = press(state, event));
          tabs = effect === "complete" ? tabs + 1 : 0;
          if (effect === "complete") ({ state, effect } = await complete(editor, state, tabs > 1));
          killed = state.killed;
          if (effect !== undefined) carryOut(editor, state, effect);
          if (effect === "abort") state = newLine(history, killed);
          if (effect === "end") return { end: "end" };
          if (effect === "accept") {
            remember(textOf(state));
            return { line: textOf(state) };
          }
        }
        // Drawn once for a text that is pasted.
        if (!events.waiting) draw(editor, state);
      }
    },
    async during(work) {
      const interruption = Promise.withResolvers<LineEnd | "interrupted">();
      using _watching = events.watch((event) => {
        if (event.type === "signal") interruption.resolve(event.signal);
        else if (event.type === "end") interruption.resolve("closed");
        else if (event.type === "key" && event.name === "ctrl-c") {
          events.clear();
          interruption.resolve("interrupted");
        }
      });
      return await Promise.race([
        work.then((result) => ({ result })),
        interruption.promise.then((end) => ({ end })),
      ]);
    },
    [Symbol.dispose]: () => listening[Symbol.dispose](),
  };
}

/** Where a line is edited. */
interface Editor extends Pick<ReaderOptions, "complete"> {
  readonly terminal: ProgramTerminal;
  readonly prompt: string;
}

function draw({ terminal, prompt }: Editor, state: EditorState): void {
  const { text, cursor } = lineView(state, prompt, terminal.size().columns);
  terminal.write(`\r${text}${CLEAR_BELOW}\r${cursor > 0 ? `\x1b[${cursor}C` : ""}`);
}

/** Shows a line in full and leaves it. */
function leave({ terminal, prompt }: Editor, state: EditorState, mark = ""): void {
  terminal.write(`\r${prompt}${textOf(state)}${mark}${CLEAR_BELOW}\n`);
}

function carryOut(editor: Editor, state: EditorState, effect: EditorEffect): void {
  switch (effect) {
    case "accept":
    case "end":
      return leave(editor, state);
    case "abort":
      return leave(editor, state, "^C");
    case "redraw":
      return editor.terminal.write(CLEAR_SCREEN);
    case "suspend":
      leave(editor, state, "^Z");
      return editor.terminal.suspend();
    case "bell":
      return editor.terminal.write(BELL);
  }
}

/** Completes the word before the cursor; `again` lists what is possible. */
async function complete(editor: Editor, state: EditorState, again: boolean): Promise<Pressed> {
  const { word, candidates } = await editor.complete(state.cells.slice(0, state.cursor).join(""));
  const [only, ...others] = candidates;
  if (only === undefined) return { state, effect: "bell" };
  // After `weight=` or `agent:`, the value follows.
  const whole = /[=/:]$/.test(only) ? only : `${only} `;
  const rest = others.length === 0 ? whole : commonStart(candidates);
  if (rest.length > word.length) return insert(state, rest.slice(word.length));
  if (!again) return { state, effect: "bell" };
  const shown = candidates.slice(0, MAX_CANDIDATES);
  const more = candidates.length - shown.length;
  const { columns } = editor.terminal.size();
  const list = inColumns(shown, columns) + (more > 0 ? `and ${more} more\n` : "");
  editor.terminal.write(`\n${CLEAR_BELOW}${list}`);
  return { state };
}

function commonStart([first = "", ...others]: readonly string[]): string {
  let length = first.length;
  while (!others.every((other) => other.startsWith(first.slice(0, length)))) length--;
  return first.slice(0, length);
}
