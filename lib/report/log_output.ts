import { droppedText } from "../base/integers.ts";

/**
 * The destination of the access log. While its queue is full, accepting waits; lines of connections
 * that were already accepted are queued beyond the limit. If the log takes less than an eighth of the
 * limit in a second meanwhile, it is too slow: accepting continues, and lines are dropped until the
 * queue is half empty.
 */
export interface LogOutput {
  /** Queues a line, never blocks; if the log is too slow, the line is dropped and counted. */
  line(text: string): void;
  /** Waits for room; `undefined` if there is room or lines are dropped. */
  room(): Promise<void> | undefined;
  /** Lines that were dropped so far. */
  readonly dropped: number;
  /** Opens the path again, after log rotation. */
  reopen(): void;
  /** Writes queued lines, unless the log takes nothing for a second, then closes. */
  close(): Promise<void>;
}

/** The line about dropped lines when the log is closed. */
export function droppedLines(lines: number): string {
  return droppedText(lines, "line", "of the log");
}
