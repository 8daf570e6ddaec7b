/**
 * Editing of one line with the usual keys of Emacs and bash, history and incremental search. Pure:
 * a key and a state make the next state.
 */

import type { Key } from "./keys.ts";
import { characters } from "./text_width.ts";

/** A line with a cursor. */
export interface EditedLine {
  /** Characters as a reader sees them. */
  readonly cells: readonly string[];
  /** Number of cells before the cursor. */
  readonly cursor: number;
}

/** An incremental search backward in the history. */
export interface Search {
  readonly query: string;
  readonly failed: boolean;
  /** Position of the match in the history. */
  readonly at: number;
  /** The state before the search, for when it is canceled. */
  readonly before: EditorState;
}

/** The state of the editor. */
export interface EditorState extends EditedLine {
  /** Earlier lines, the oldest first. */
  readonly history: readonly string[];
  /** Position in the history; its length stands for the new line. */
  readonly at: number;
  /** The new line, while the user looks at an earlier one. */
  readonly draft: string;
  /** What ^Y inserts. */
  readonly killed: string;
  readonly search?: Search;
}

/** What the caller does after a key. */
export type EditorEffect =
  | "accept"
  | "abort"
  | "end"
  | "complete"
  | "redraw"
  | "suspend"
  | "bell";

/** A state after a key. */
export interface Pressed {
  readonly state: EditorState;
  readonly effect?: EditorEffect;
}

/** Maximum number of cells of a line; the server accepts no longer one. */
export const MAX_CELLS = 4096;

/** An empty line. */
export function newLine(history: readonly string[], killed = ""): EditorState {
  return { cells: [], cursor: 0, history, at: history.length, draft: "", killed };
}

/** The text of a line. */
export function textOf({ cells }: EditedLine): string {
  return cells.join("");
}

/** Inserts text at the cursor. */
export function insert(state: EditorState, text: string): Pressed {
  const [left, right] = split(state);
  const before = characters(left + text);
  const cells = characters(left + text + right);
  if (cells.length > MAX_CELLS) return { state, effect: "bell" };
  return { state: { ...state, cells, cursor: Math.min(before.length, cells.length) } };
}

/** Processes a key. */
export function press(state: EditorState, key: Key): Pressed {
  if (state.search !== undefined) return pressInSearch(state, state.search, key);
  if (key.text !== undefined) return insert(state, key.text);
  const action = ACTIONS.get(key.name);
  if (action === undefined) return { state, effect: "bell" };
  return action(state);
}

type Action = (state: EditorState) => Pressed;

const WORD = /[\p{L}\p{N}]/u;

/** Where the word before the cursor starts. */
function wordLeft({ cells, cursor }: EditedLine, inWord = WORD): number {
  let at = cursor;
  while (at > 0 && !inWord.test(cells[at - 1]!)) at--;
  while (at > 0 && inWord.test(cells[at - 1]!)) at--;
  return at;
}

/** Where the word after the cursor ends. */
function wordRight({ cells, cursor }: EditedLine): number {
  let at = cursor;
  while (at < cells.length && !WORD.test(cells[at]!)) at++;
  while (at < cells.length && WORD.test(cells[at]!)) at++;
  return at;
}

/** Moves the cursor. */
function move(to: (state: EditorState) => number): Action {
  return (state) => {
    const cursor = Math.max(0, Math.min(to(state), state.cells.length));
    return cursor === state.cursor ? { state, effect: "bell" } : { state: { ...state, cursor } };
  };
}

/** Removes the cells between the cursor and another place. */
function remove(to: (state: EditorState) => number, { keep }: { keep: boolean }): Action {
  return (state) => {
    const other = Math.max(0, Math.min(to(state), state.cells.length));
    const [from, end] = [Math.min(other, state.cursor), Math.max(other, state.cursor)];
    if (from === end) return { state, effect: "bell" };
    const killed = keep ? state.cells.slice(from, end).join("") : state.killed;
    const cells = [...state.cells.slice(0, from), ...state.cells.slice(end)];
    return { state: { ...state, cells, cursor: from, killed } };
  };
}

/** Goes to another line of the history; its length stands for the new line. */
function goTo(state: EditorState, at: number): Pressed {
  const { history } = state;
  if (at < 0 || at > history.length || at === state.at) return { state, effect: "bell" };
  const draft = state.at === history.length ? textOf(state) : state.draft;
  const cells = characters(at === history.length ? draft : history[at]!);
  return { state: { ...state, cells, cursor: cells.length, at, draft } };
}

function transpose(state: EditorState): Pressed {
  const at = Math.min(state.cursor, state.cells.length - 1);
  if (at < 1) return { state, effect: "bell" };
  const cells = [...state.cells];
  [cells[at - 1], cells[at]] = [cells[at]!, cells[at - 1]!];
  return { state: { ...state, cells, cursor: at + 1 } };
}

const effect = (effect: EditorEffect): Action => (state) => ({ state, effect });
const up: Action = (state) => goTo(state, state.at - 1);
const down: Action = (state) => goTo(state, state.at + 1);
const start = move(() => 0), end = move(({ cells }) => cells.length);
const left = move(({ cursor }) => cursor - 1), right = move(({ cursor }) => cursor + 1);
const backWord = move((state) => wordLeft(state)), forwardWord = move(wordRight);
const backspace = remove(({ cursor }) => cursor - 1, { keep: false });
const deleteRight = remove(({ cursor }) => cursor + 1, { keep: false });

const ACTIONS: ReadonlyMap<string, Action> = new Map(Object.entries<Action>({
  enter: effect("accept"),
  tab: effect("complete"),
  "ctrl-c": effect("abort"),
  "ctrl-d": (state) => state.cells.length === 0 ? { state, effect: "end" } : deleteRight(state),
  "ctrl-l": effect("redraw"),
  "ctrl-z": effect("suspend"),
  backspace,
  delete: deleteRight,
  left,
  right,
  up,
  down,
  home: start,
  end,
  "ctrl-a": start,
  "ctrl-e": end,
  "ctrl-b": left,
  "ctrl-f": right,
  "ctrl-p": up,
  "ctrl-n": down,
  "ctrl-left": backWord,
  "ctrl-right": forwardWord,
  "meta-left": backWord,
  "meta-right": forwardWord,
  "meta-b": backWord,
  "meta-f": forwardWord,
  "meta-<": (state) => goTo(state, 0),
  "meta->": (state) => goTo(state, state.history.length),
  "ctrl-k": remove(({ cells }) => cells.length, { keep: true }),
  "ctrl-u": remove(() => 0, { keep: true }),
  "ctrl-w": remove((state) => wordLeft(state, /\S/), { keep: true }),
  "meta-backspace": remove((state) => wordLeft(state), { keep: true }),
  "meta-d": remove(wordRight, { keep: true }),
  "ctrl-t": transpose,
  "ctrl-y": (state) =>
    state.killed === "" ? { state, effect: "bell" } : insert(state, state.killed),
  "ctrl-r": (state) => ({
    state: { ...state, search: { query: "", failed: false, at: state.at, before: state } },
  }),
  // Keys that terminals send and bash ignores.
  escape: (state) => ({ state }),
  insert: (state) => ({ state }),
}));

/** Keys that cancel a search. ^C cancels the line, too. */
const CANCEL = ["ctrl-g", "escape"];

function pressInSearch(state: EditorState, search: Search, key: Key): Pressed {
  const { query, at, before } = search;
  if (key.text !== undefined) return find(state, search, { query: query + key.text, from: at });
  if (key.name === "backspace") {
    const shorter = characters(query).slice(0, -1).join("");
    return find(state, search, { query: shorter, from: before.at });
  }
  if (key.name === "ctrl-r") return find(state, search, { query, from: at - 1 });
  if (CANCEL.includes(key.name)) return { state: before };
  const { search: _, ...found } = state;
  if (key.name === "tab") return { state: found };
  return press(found, key);
}

/** Finds the next line backward that contains the query, and puts the cursor at the match. */
function find(
  state: EditorState,
  search: Search,
  { query, from }: { query: string; from: number },
): Pressed {
  const { history } = state, { before } = search;
  if (query === "") {
    return { state: { ...before, search: { ...search, query, failed: false, at: before.at } } };
  }
  const lineAt = (at: number) => at === history.length ? textOf(before) : history[at]!;
  for (let at = Math.min(from, history.length); at >= 0; at--) {
    const place = lineAt(at).indexOf(query);
    if (place < 0) continue;
    const cells = characters(lineAt(at));
    const cursor = characters(lineAt(at).slice(0, place)).length;
    const draft = before.at === history.length ? textOf(before) : before.draft;
    const found = { query, failed: false, at, before };
    return { state: { ...state, cells, cursor, at, draft, search: found } };
  }
  return { state: { ...state, search: { ...search, query, failed: true } }, effect: "bell" };
}

function split({ cells, cursor }: EditedLine): [string, string] {
  return [cells.slice(0, cursor).join(""), cells.slice(cursor).join("")];
}
