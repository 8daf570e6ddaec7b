/** The destination of the access log. It never blocks the caller. */
export interface LogOutput {
  /** Queues a line; if the queue is full, the line is dropped and counted. */
  line(text: string): void;
  /** Lines that were dropped or lost so far. */
  readonly dropped: number;
  /** Opens the path again and continues there, for log rotation. */
  reopen(): void;
  /** Writes queued lines for at most a second, and closes. */
  close(): Promise<void>;
}
