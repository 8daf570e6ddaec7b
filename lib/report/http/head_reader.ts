/** Maximum size of a request head in bytes, with the empty line at its end. */
export const MAX_HEAD_BYTES = 8192;

const CR = 0x0d, LF = 0x0a;

/** Cuts a stream of bytes into request heads. Its memory is {@link MAX_HEAD_BYTES}. */
export class HeadReader {
  readonly #buffer = new Uint8Array(MAX_HEAD_BYTES);
  /** Bytes in the buffer, and how many of them were searched for the end of the head. */
  #length = 0;
  #searched = 0;
  /** Bytes of empty lines since the last head. */
  #blank = 0;

  /** Whether a part of a head has arrived. */
  get started(): boolean {
    return this.#length > 0;
  }

  /**
   * Reads the next head.
   *
   * @param read As `Deno.Conn.read()`.
   * @returns The head without its empty line, valid until the next call; `"too large"` if it exceeds
   * the limit; `undefined` at the end of the stream.
   */
  async next(
    read: (into: Uint8Array<ArrayBuffer>) => Promise<number | null>,
  ): Promise<Uint8Array | "too large" | undefined> {
    for (;;) {
      const head = this.#take();
      if (head !== undefined) return head;
      if (this.#blank + this.#length >= MAX_HEAD_BYTES) return "too large";
      const count = await read(this.#buffer.subarray(this.#length));
      if (count === null) return undefined;
      this.#length += count;
    }
  }

  #take(): Uint8Array | undefined {
    const buffer = this.#buffer;
    // RFC 9112 section 2.2: empty lines before a request are ignored, but they count.
    let blank = 0;
    while (blank + 1 < this.#length && buffer[blank] === CR && buffer[blank + 1] === LF) blank += 2;
    if (blank > 0) this.#drop(blank);
    this.#blank += blank;
    for (let at = Math.max(3, this.#searched); at < this.#length; at++) {
      if (buffer[at] !== LF || buffer[at - 1] !== CR) continue;
      if (buffer[at - 2] !== LF || buffer[at - 3] !== CR) continue;
      const head = buffer.slice(0, at - 3);
      this.#drop(at + 1);
      this.#blank = 0;
      return head;
    }
    this.#searched = this.#length;
    return undefined;
  }

  #drop(count: number): void {
    this.#buffer.copyWithin(0, count, this.#length);
    this.#length -= count;
    this.#searched = 0;
  }
}
