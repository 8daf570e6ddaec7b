/**
 * A screen of lines on a terminal.
 *
 * Made of the few sequences that every terminal since the VT100 understands, so there is nothing
 * to depend on: kits for terminals (Ink, blessed, Cliffy) bring a layout engine and widgets, to
 * draw what is here a list of lines, and some look for a terminfo that is not on every server.
 */

import type { FrameLine, Size } from "./frame.ts";

const CSI = "\x1b[";
/** To the alternate screen; without a cursor, and without a new line behind the last column. */
const ENTER = `${CSI}?1049h${CSI}?25l${CSI}?7l${CSI}2J`;
/** What does not know an alternate screen is left clean at least. */
const LEAVE = `${CSI}0m${CSI}2J${CSI}H${CSI}?7h${CSI}?25h${CSI}?1049l`;
const LOOKS = { bold: `${CSI}1m`, heading: `${CSI}7m`, dim: `${CSI}2m` } as const;
const PLAIN = `${CSI}0m`;

/** Draws frames; nobody else may write to the terminal meanwhile. */
export interface Screen {
  /** Draws the lines that differ from those of the last frame, all in one write. */
  draw(frame: readonly FrameLine[], size: Size): void;
  /** Forgets what is there: the next frame is drawn whole. */
  forget(): void;
  /** Gives the terminal back as it was. Harmless when repeated. */
  leave(): void;
}

/**
 * Takes the whole screen.
 *
 * @param write Writes to the terminal, whole and at once.
 */
export function enterScreen(write: (text: string) => void): Screen {
  let shown: string[] = [], left = false, width = 0;
  write(ENTER);
  return {
    draw(frame, { columns, rows }) {
      let changes = "";
      // A terminal that has another width may have broken lines anywhere.
      if (columns !== width) shown = [];
      if (shown.length === 0) changes = `${CSI}2J`;
      width = columns;
      const lines = frame.slice(0, rows).map((line) => painted(line, columns));
      lines.forEach((line, row) => {
        if (shown[row] === line) return;
        changes += `${CSI}${row + 1};1H${CSI}2K${line}`;
      });
      for (let row = lines.length; row < shown.length; row++) {
        changes += `${CSI}${row + 1};1H${CSI}2K`;
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
  return `${LOOKS[style]}${style === "heading" ? text.padEnd(columns) : text}${PLAIN}`;
}
