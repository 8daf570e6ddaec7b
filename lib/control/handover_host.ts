/** A control session that has become one of a successor; see `lib/takeover/`. */
export interface LineSession {
  /** The lines that it sends, without their newlines. */
  readonly lines: { next(): Promise<IteratorResult<string | undefined>> };
  /** Sends text. */
  send(text: string): Promise<void>;
}

/** Serves successors (`--takeover`). */
export interface HandoverHost {
  /** Serves one; resolves when its session is over. */
  serve(session: LineSession): Promise<void>;
}
