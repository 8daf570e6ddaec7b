/** Where the lines of the connection log go. Nothing here ever waits for the reader. */
export interface LogOutput {
  /** Writes a line later; without room it is dropped and counted. */
  line(text: string): void;
  /** Lines that were dropped or lost so far. */
  readonly dropped: number;
  /** The file may have been moved away: goes on in the one that has its name now. */
  reopen(): void;
  /** Writes what waits, as far as the reader takes it within a second, and closes. */
  close(): Promise<void>;
}
