/** What a process has written to one of its descriptors so far. */
export interface Output {
  /** Everything so far. */
  bytes(): Uint8Array<ArrayBuffer>;
  /** The same as text; bytes that are no UTF-8 become U+FFFD. */
  text(): string;
  /** Settles when the process has closed the descriptor, or after `abandon()`. */
  readonly ended: Promise<void>;
  /** Closes the reading end; the process gets EPIPE at its next write. */
  abandon(): Promise<void>;
}

/**
 * Collects what comes out of a stream while it comes.
 *
 * @param options `start`: reading begins when this promise settles (default: at once), so the
 * process meets a full pipe until then.
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
    const whole = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
    let at = 0;
    for (const chunk of chunks) {
      whole.set(chunk, at);
      at += chunk.length;
    }
    // Kept in one piece, so that looking often stays cheap.
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
