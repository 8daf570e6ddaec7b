/**
 * A full-screen list of lines on a terminal.
 *
 * It uses only sequences of ECMA-48 and xterm that all common terminals support, and no terminfo,
 * which is not installed on every server. Terminal libraries (Ink, blessed, Cliffy) are layout
 * engines with widgets, more than a list of lines needs.
 */

import type { Size } from "../terminal/terminal.ts";
import type { FrameLine } from "./frame.ts";

const CSI = "\x1b[";
/** Alternate screen, no cursor, no line wrap, cleared. */
const ENTER = `${CSI}?1049h${CSI}?25l${CSI}?7l${CSI}2J`;
/** Also clears the screen, for terminals without an alternate screen. */
const LEAVE = `${CSI}0m${CSI}2J${CSI}H${CSI}?7h${CSI}?25h${CSI}?1049l`;
const STYLES = { bold: `${CSI}1m`, heading: `${CSI}7m`, dim: `${CSI}2m` } as const;
const PLAIN = `${CSI}0m`;

/** Draws frames. Until `leave`, it must be the only writer to the terminal. */
export interface Screen {
  /** Draws the lines that changed since the last frame, in one write. */
  draw(frame: readonly FrameLine[], size: Size): void;
  /** Forgets the last frame, so that the next one is drawn in full. */
  forget(): void;
  /** Restores the terminal. May be called again. */
  leave(): void;
}

/** Switches to the alternate screen. `write` must write all of a text before it returns. */
export function enterScreen(write: (text: string) => void): Screen {
  let shown: string[] = [], left = false, width = 0;
  write(ENTER);
  return {
    draw(frame, { columns, rows }) {
      // When its width changes, a terminal may rewrap the lines.
      if (columns !== width) shown = [];
      width = columns;
      let changes = shown.length === 0 ? `${CSI}2J` : "";
      const lines = frame.slice(0, rows).map((line) => painted(line, columns));
      for (let row = 0; row < Math.max(lines.length, shown.length); row++) {
        if (shown[row] === lines[row]) continue;
        changes += `${CSI}${row + 1};1H${CSI}2K${lines[row] ?? ""}`;
      }
      shown = lines;
      if (changes !== "") write(changes);
    },
    forget() {
      shown = [];
      if (!left) write(ENTER);
    },
    leave() {
      if (left) return;
      left = true;
      write(LEAVE);
    },
  };
}

function painted({ text, style }: FrameLine, columns: number): string {
  if (style === undefined) return text;
  return `${STYLES[style]}${style === "heading" ? text.padEnd(columns) : text}${PLAIN}`;
}
