/**
 * Peers that reset connections (SO_LINGER 0), in Python: `Deno.Conn` cannot reset, and `node:net`
 * not at once. Tests that use them need `python3`.
 *
 * @module
 */
import { runProgram, startProgram } from "../program/start_program.ts";

const RESET = `
import socket, struct, sys, time
def reset(s):
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()
`;

/** Prints its port. A busy wait, since a sleep takes at least 0.06 ms longer. */
const BACKEND = `${RESET}
delay = float(sys.argv[1]) / 1000
listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
print(listener.getsockname()[1], flush=True)
while True:
    s = listener.accept()[0]
    end = time.perf_counter() + delay
    while time.perf_counter() < end: pass
    reset(s)
`;

/** As {@link BACKEND}; reads the request to its end, and sends until then. */
const SENDER = `${RESET}
seconds = float(sys.argv[1]) / 1000
listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
print(listener.getsockname()[1], flush=True)
while True:
    s = listener.accept()[0]
    s.settimeout(5)
    try:
        while s.recv(100): pass
        end = time.perf_counter() + seconds
        while time.perf_counter() < end: s.send(b"x" * 65536)
    except OSError: pass
    reset(s)
`;

const CLIENTS = `${RESET}
for _ in range(int(sys.argv[2])):
    reset(socket.create_connection(("127.0.0.1", int(sys.argv[1]))))
`;

/** A backend in a process of its own. */
export interface ResettingBackend extends AsyncDisposable {
  /** As an argument of balance. */
  readonly address: string;
}

/** Starts a backend that accepts each connection and resets it after `delayMs` milliseconds. */
export function resettingAfter(delayMs: number): Promise<ResettingBackend> {
  return startBackend(BACKEND, delayMs);
}

/**
 * Starts a backend that reads each request to its end, sends as much as it can for `ms` milliseconds,
 * and resets the connection.
 */
export function resettingWhileSending(ms: number): Promise<ResettingBackend> {
  return startBackend(SENDER, ms);
}

async function startBackend(script: string, ms: number): Promise<ResettingBackend> {
  let output = "";
  const backend = await startProgram("python3", {
    args: ["-c", script, String(ms)],
    ready: (soFar) => /\n/.test(output = soFar),
  });
  return Object.assign(backend, { address: `127.0.0.1:${output.trim()}` });
}

/** Connects `count` times, one after another, and resets each connection at once. */
export async function connectAndReset(port: number, count: number): Promise<void> {
  const { code, stderr } = await runProgram("python3", ["-c", CLIENTS, `${port}`, `${count}`]);
  if (code !== 0) throw new Error(`clients that reset: ${stderr}`);
}
