import { joinBytes } from "../../../lib/base/bytes.ts";

/** What a process has written to one of its descriptors so far. */
export interface Output {
  /** Everything so far. */
  bytes(): Uint8Array<ArrayBuffer>;
  /** The same as text; invalid UTF-8 becomes U+FFFD. */
  text(): string;
  /** Settles when the process has closed the descriptor, or after `abandon()`. */
  readonly ended: Promise<void>;
  /** Closes the reading end: the next write of the process fails with EPIPE. */
  abandon(): Promise<void>;
}

/**
 * Collects the output of a process while it runs.
 *
 * @param options `start`: reading starts when this promise settles (default: at once). Until then
 * the process meets a full pipe.
 */
export function collect(
  stream: ReadableStream<Uint8Array>,
  options: { start?: Promise<void> } = {},
): Output {
  const reader = stream.getReader();
  const chunks: Uint8Array[] = [];
  let abandoned = false;
  async function run(): Promise<void> {
    await options.start;
    while (!abandoned) {
      const { done, value } = await reader.read();
      if (done) return;
      chunks.push(value);
    }
  }
  function bytes(): Uint8Array<ArrayBuffer> {
    const whole = joinBytes(chunks) as Uint8Array<ArrayBuffer>;
    // Kept as one chunk, so that frequent calls are cheap.
    chunks.splice(0, chunks.length, whole);
    return whole;
  }
  return {
    bytes,
    text: () => new TextDecoder().decode(bytes()),
    ended: run(),
    async abandon() {
      abandoned = true;
      await reader.cancel();
    },
  };
}
