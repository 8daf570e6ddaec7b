const ASK = new TextEncoder().encode("GET / HTTP/1.1\r\nHost: bench\r\n\r\n");
const ANSWER = 200;

/** Connections opened or used at the same time: fewer than the shortest accept queue. */
const CONCURRENT = 32;

/** Many open connections to one port; closed at the end of the scope. */
export interface Clients extends Disposable {
  /** Opens `count` connections and exchanges one message on each. */
  open(count: number): Promise<void>;
  /** Exchanges `count` messages on each connection, one after the other. */
  exchange(count: number): Promise<void>;
}

/**
 * Clients of a port.
 *
 * @param port On 127.0.0.1.
 * @param milliseconds Time limit for all steps together; a step that is pending then fails.
 */
export function connectClients(port: number, milliseconds: number): Clients {
  const open: Deno.TcpConn[] = [];
  let late = false;
  const close = () => {
    for (const conn of open.splice(0)) conn.close();
  };
  const timer = setTimeout(() => {
    late = true;
    close();
  }, milliseconds);
  const bounded = async (work: Promise<unknown>) => {
    try {
      await work;
    } catch (error) {
      throw late ? new Error(`took more than ${milliseconds / 1000} s`) : error;
    }
  };
  return {
    open: (count) =>
      bounded(inTurn(count, async () => {
        const conn = await Deno.connect({
          hostname: "127.0.0.1",
          port,
          signal: AbortSignal.timeout(milliseconds),
        });
        open.push(conn);
        await exchange(conn);
      })),
    exchange: (count) =>
      bounded(inTurn(open.length, async (i) => {
        const conn = open[i];
        for (let n = 0; conn !== undefined && n < count; n++) await exchange(conn);
      })),
    [Symbol.dispose]: () => {
      clearTimeout(timer);
      close();
    },
  };
}

async function exchange(conn: Deno.TcpConn): Promise<void> {
  const buffer = new Uint8Array(ANSWER);
  if (await conn.write(ASK) !== ASK.length) throw new Error("short write");
  for (let got = 0; got < ANSWER;) {
    const n = await conn.read(buffer.subarray(got));
    if (n === null) throw new Error("closed before the answer");
    got += n;
  }
}

/** Calls `work` for 0 to `count - 1`, {@link CONCURRENT} at the same time. */
async function inTurn(count: number, work: (i: number) => Promise<void>): Promise<void> {
  let next = 0;
  const line = async () => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: CONCURRENT }, line));
}
