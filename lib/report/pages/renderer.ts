import { delay } from "@std/async/delay";
import { joinBytes } from "../../base/bytes.ts";

/** Minimum size of a piece in characters, and size of one that is compressed in bytes. */
const PIECE_CHARS = 32 << 10, PIECE_BYTES = 32 << 10;
/** How much of the time may be spent on rendering, on average, and at most at once in ms. */
const SHARE = 0.1, BURST_MS = 100;

/** What a renderer uses. */
export interface RendererOptions {
  /** Waits until another piece may be rendered; see `Turns`. */
  readonly turn: () => Promise<void>;
  /** @default {performance.now} */
  readonly now?: () => number;
}

/**
 * Renders pages in pieces, so that the proxy is served between them, and measures the time that it
 * takes: on average, rendering may take a tenth of the time of the event loop. Only a page that has
 * become too old to be sent is rendered beyond that: each page of at most 2 MiB at most about once a
 * second; see `PageCache`.
 */
export class Renderer {
  readonly #turn: () => Promise<void>;
  readonly #now: () => number;
  /** Milliseconds that may be spent now, and when this was computed. */
  #creditMs = BURST_MS;
  #at: number;
  /** Settles when the last page of {@linkcode whole} is rendered. */
  #last: Promise<unknown> = Promise.resolve();

  constructor({ turn, now = () => performance.now() }: RendererOptions) {
    this.#turn = turn;
    this.#now = now;
    this.#at = now();
  }

  /** The current time in milliseconds. */
  now(): number {
    return this.#now();
  }

  /** Milliseconds until there is time for rendering again; 0 if there is. */
  get waitMs(): number {
    return Math.max(0, -this.#credit() / SHARE);
  }

  /** Renders a page at once, after those that were asked for before it. */
  whole(
    text: () => Iterable<string>,
    maxBytes: number,
  ): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const rendered = this.#last.then(() => this.#whole(text(), maxBytes));
    this.#last = rendered.catch(() => {});
    return rendered;
  }

  async #whole(
    text: Iterable<string>,
    maxBytes: number,
  ): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const pieces: Uint8Array[] = [];
    let bytes = 0;
    for await (const piece of this.#pieces(text)) {
      pieces.push(piece);
      bytes += piece.length;
      if (bytes > maxBytes) return undefined;
    }
    return joinBytes(pieces) as Uint8Array<ArrayBuffer>;
  }

  /** Compresses a page, in pieces like those of rendering. */
  async gzip(page: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
    const { readable, writable } = new CompressionStream("gzip");
    const compressed = new Response(readable).bytes(), writer = writable.getWriter();
    // If compressing fails, so does writing.
    compressed.catch(() => {});
    for (let at = 0; at < page.length; at += PIECE_BYTES) {
      await this.#turn();
      const start = this.#now();
      await writer.write(page.subarray(at, at + PIECE_BYTES));
      this.#spend(start);
    }
    await writer.close();
    return await compressed;
  }

  /** Renders a page piece by piece as it is read, no faster than there is time for it. */
  async *stream(text: Iterable<string>): AsyncGenerator<Uint8Array> {
    for await (const piece of this.#pieces(text)) {
      yield piece;
      const { waitMs } = this;
      if (waitMs > 0) await delay(waitMs);
    }
  }

  async *#pieces(text: Iterable<string>): AsyncGenerator<Uint8Array> {
    const encoder = new TextEncoder(), parts = text[Symbol.iterator]();
    for (let over = false; !over;) {
      await this.#turn();
      const start = this.#now();
      let piece = "";
      while (!over && piece.length < PIECE_CHARS) {
        const { done, value } = parts.next();
        if (done) over = true;
        else piece += value;
      }
      const bytes = encoder.encode(piece);
      this.#spend(start);
      if (bytes.length > 0) yield bytes;
    }
  }

  #spend(start: number): void {
    this.#creditMs = this.#credit() - (this.#now() - start);
  }

  #credit(): number {
    const now = this.#now();
    this.#creditMs = Math.min(BURST_MS, this.#creditMs + (now - this.#at) * SHARE);
    this.#at = now;
    return this.#creditMs;
  }
}
