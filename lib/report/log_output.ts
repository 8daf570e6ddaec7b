/** The destination of the access log. */
export interface LogOutput {
  /** Queues a line, never blocks; if the queue is full, the line is dropped and counted. */
  line(text: string): void;
  /** Lines that were dropped so far. */
  readonly dropped: number;
  /** Opens the path again, after log rotation. */
  reopen(): void;
  /** Writes queued lines for at most a second, then closes. */
  close(): Promise<void>;
}
