import type { Renderer } from "./renderer.ts";

/** A page is never older than this, in milliseconds. */
const MAX_AGE_MS = 1000;
/** Maximum size of a page that is kept, in bytes; 16 groups of 16 channels take about 1 MiB. */
const MAX_PAGE_BYTES = 2 << 20;
/** How long a page that was too large is not tried again, in milliseconds. */
const LARGE_MS = 60_000;

/** A smaller page is not compressed. */
const MIN_GZIP_BYTES = 1024;

/** A page, and whether it is compressed. */
export interface Encoded {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly gzip: boolean;
}

/** A page that is kept. */
interface Page {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** When its rendering began. */
  readonly at: number;
  /** Set by the first request for it. */
  compressed: Promise<Uint8Array<ArrayBuffer>> | undefined;
}

/**
 * The last page of one kind. It is rendered for each request, but many requests at once share one
 * page, and so do those for which there is no time to render another one.
 */
export class PageCache {
  readonly #text: () => Iterable<string>;
  readonly #renderer: Renderer;
  #page: Page | undefined;
  #rendering: Promise<Page | undefined> | undefined;
  #largeUntil = -Infinity;

  /** @param text Generates the page in small parts. */
  constructor(text: () => Iterable<string>, renderer: Renderer) {
    this.#text = text;
    this.#renderer = renderer;
  }

  /**
   * The page, at most a second old; `undefined` if it is too large to be kept.
   *
   * @param options `gzip`: compressed, if it is large enough for that.
   */
  async get({ gzip = false } = {}): Promise<Encoded | undefined> {
    const page = await this.#current();
    if (page === undefined) return undefined;
    if (!gzip || page.bytes.length < MIN_GZIP_BYTES) return { bytes: page.bytes, gzip: false };
    return { bytes: await (page.compressed ??= this.#renderer.gzip(page.bytes)), gzip: true };
  }

  async #current(): Promise<Page | undefined> {
    const page = this.#page, now = this.#renderer.now();
    if (now < this.#largeUntil) return undefined;
    if (this.#rendering !== undefined) return await this.#rendering;
    const mustWait = this.#renderer.waitMs > 0;
    if (page !== undefined && mustWait && now - page.at < MAX_AGE_MS) return page;
    this.#rendering = this.#render();
    try {
      return await this.#rendering;
    } finally {
      this.#rendering = undefined;
    }
  }

  async #render(): Promise<Page | undefined> {
    let at = 0;
    const bytes = await this.#renderer.whole(() => {
      at = this.#renderer.now();
      return this.#text();
    }, MAX_PAGE_BYTES);
    if (bytes === undefined) this.#largeUntil = this.#renderer.now() + LARGE_MS;
    return this.#page = bytes && { bytes, at, compressed: undefined };
  }
}
