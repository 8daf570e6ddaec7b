/** Reads a log at a steady rate in a thread of its own, so that nothing else in the test delays it. */

/** Which named pipe to read, and how fast. */
export interface ReadOrder {
  readonly path: string;
  readonly bytesPerSecond: number;
}

const scope = self as unknown as {
  onmessage: (event: MessageEvent<ReadOrder>) => void;
  postMessage(message: Uint8Array | "ready"): void;
};
const clock = new Int32Array(new SharedArrayBuffer(4));

scope.onmessage = async ({ data: { path, bytesPerSecond } }) => {
  scope.postMessage("ready");
  using file = await Deno.open(path);
  const buffer = new Uint8Array(1 << 16);
  for (;;) {
    const count = await file.read(buffer);
    if (count === null) return;
    scope.postMessage(buffer.slice(0, count));
    Atomics.wait(clock, 0, 0, count / bytesPerSecond * 1000);
  }
};
