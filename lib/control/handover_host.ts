/** A control session that has become one of a successor; see `lib/takeover/`. */
export interface LineSession {
  /** The lines that it sends, without their newlines. */
  readonly lines: { next(): Promise<IteratorResult<string | undefined>> };
  /** Sends text. */
  send(text: string): Promise<void>;
}

/** Serves successors (`--takeover`). */
export interface HandoverHost {
  /** Whether a successor gets the new connections. */
  readonly isCommitted: boolean;
  /** Serves one; resolves when its session is over. */
  serve(session: LineSession): Promise<void>;
}
