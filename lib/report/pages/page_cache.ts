import type { Renderer } from "./renderer.ts";

/** A page is never older than this, in milliseconds. */
const MAX_AGE_MS = 1000;
/** Maximum size of a page that is kept, in bytes; 16 groups of 16 channels take about 1 MiB. */
const MAX_PAGE_BYTES = 2 << 20;
/** How long a page that was too large is not tried again, in milliseconds. */
const LARGE_MS = 60_000;

/**
 * The last page of one kind. It is rendered for each request, but many requests at once share one
 * page, and so do those for which there is no time to render another one.
 */
export class PageCache {
  readonly #text: () => Iterable<string>;
  readonly #renderer: Renderer;
  #page: { bytes: Uint8Array<ArrayBuffer>; at: number } | undefined;
  #rendering: Promise<Uint8Array<ArrayBuffer> | undefined> | undefined;
  #largeUntil = -Infinity;

  /** @param text Generates the page in small parts. */
  constructor(text: () => Iterable<string>, renderer: Renderer) {
    this.#text = text;
    this.#renderer = renderer;
  }

  /** The page, at most a second old; `undefined` if it is too large to be kept. */
  async get(): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const page = this.#page, now = this.#renderer.now();
    if (now < this.#largeUntil) return undefined;
    if (this.#rendering !== undefined) return await this.#rendering;
    const mustWait = this.#renderer.waitMs > 0;
    if (page !== undefined && mustWait && now - page.at < MAX_AGE_MS) return page.bytes;
    this.#rendering = this.#render();
    try {
      return await this.#rendering;
    } finally {
      this.#rendering = undefined;
    }
  }

  async #render(): Promise<Uint8Array<ArrayBuffer> | undefined> {
    let at = 0;
    const bytes = await this.#renderer.whole(() => {
      at = this.#renderer.now();
      return this.#text();
    }, MAX_PAGE_BYTES);
    if (bytes === undefined) this.#largeUntil = this.#renderer.now() + LARGE_MS;
    this.#page = bytes && { bytes, at };
    return bytes;
  }
}
