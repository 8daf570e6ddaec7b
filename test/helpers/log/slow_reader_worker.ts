/** Reads a log at a steady rate in a thread of its own, so that nothing else in the test delays it. */

/** What to read: a named pipe, in bytes per second, or a system log, in messages per second. */
export interface ReadOrder {
  readonly kind: "pipe" | "syslog";
  readonly path: string;
  readonly perSecond: number;
}

const scope = self as unknown as {
  onmessage: (event: MessageEvent<ReadOrder>) => void;
  postMessage(message: Uint8Array | "ready" | "late"): void;
};
const NEWLINE = 10;
/** It catches up with at most this many milliseconds. */
const MAX_LATE_MS = 1000;
const clock = new Int32Array(new SharedArrayBuffer(4));

/** Timers are too coarse for thousands of messages per second. */
function pause(ms: number): void {
  Atomics.wait(clock, 0, 0, ms);
}

async function readPipe(order: ReadOrder): Promise<void> {
  using file = await Deno.open(order.path);
  const buffer = new Uint8Array(1 << 16);
  for (;;) {
    const count = await file.read(buffer);
    if (count === null) return;
    scope.postMessage(buffer.slice(0, count));
    pause(count / order.perSecond * 1000);
  }
}

async function readSyslog(order: ReadOrder): Promise<void> {
  const socket = Deno.listenDatagram({ transport: "unixpacket", path: order.path });
  const buffer = new Uint8Array(1 << 16);
  scope.postMessage("ready");
  const second = { since: performance.now(), taken: 0, waitedMs: 0 };
  for (let next = performance.now();;) {
    const start = performance.now();
    const [message] = await socket.receive(buffer.subarray(0, -1));
    buffer[message.length] = NEWLINE;
    scope.postMessage(buffer.slice(0, message.length + 1));
    const now = performance.now();
    second.taken++;
    second.waitedMs += now - start;
    if (now - second.since >= 1000) {
      // It got too little CPU time, and not because there were no messages.
      const isLate = second.taken < order.perSecond / 2 && second.waitedMs < 500;
      if (isLate) scope.postMessage("late");
      Object.assign(second, { since: now, taken: 0, waitedMs: 0 });
    }
    // On a busy machine it catches up, so that the rate is kept.
    next = Math.max(next, now - MAX_LATE_MS) + 1000 / order.perSecond;
    if (next > now) pause(next - now);
  }
}

scope.onmessage = ({ data }) => {
  if (data.kind === "pipe") {
    scope.postMessage("ready");
    readPipe(data);
  } else {
    readSyslog(data);
  }
};
