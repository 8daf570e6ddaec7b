/**
 * Load from processes of their own, in Python, so that latencies in the test process are not its
 * own. Tests that use it need `python3`.
 *
 * @module
 */
import { type Running, startProgram } from "../program/start_program.ts";

const SCRIPT = `
import select, socket, sys
mode, args = sys.argv[1], sys.argv[2:]
poll = select.epoll()
conns = {}
def add(s):
    s.setblocking(False)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    conns[s.fileno()] = s
    poll.register(s.fileno(), select.EPOLLIN)
def drop(fd):
    poll.unregister(fd)
    conns.pop(fd).close()
def listen():
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    print(listener.getsockname()[1], flush=True)
    return listener
if mode == "echo":
    listener = listen()
    listener.setblocking(False)
    poll.register(listener.fileno(), select.EPOLLIN)
    while True:
        for fd, _ in poll.poll():
            if fd == listener.fileno():
                add(listener.accept()[0])
                continue
            try:
                data = conns[fd].recv(65536)
                if data: conns[fd].send(data)
                else: drop(fd)
            except OSError: drop(fd)
elif mode == "talk":
    port, count, size = map(int, args)
    message = b"x" * size
    for _ in range(count):
        s = socket.create_connection(("127.0.0.1", port))
        add(s)
        s.send(message)
    print("talking", flush=True)
    while True:
        for fd, _ in poll.poll():
            if conns[fd].recv(65536): conns[fd].send(message)
            else: sys.exit("a connection ended")
elif mode == "source":
    listener = listen()
    block = bytes(1 << 20)
    while True:
        s = listener.accept()[0]
        try:
            while True: s.sendall(block)
        except OSError: s.close()
elif mode == "sink":
    s = socket.create_connection(("127.0.0.1", int(args[0])))
    buffer = bytearray(1 << 20)
    s.recv_into(buffer)
    print("talking", flush=True)
    while s.recv_into(buffer): pass
`;

/** A server in a process of its own, stopped at the end of its scope. */
export interface LoadServer extends AsyncDisposable {
  /** As an argument of balance. */
  readonly address: string;
}

/** Starts a server that echoes, or that sends without end. */
export async function loadServer(mode: "echo" | "source"): Promise<LoadServer> {
  let output = "";
  const server = await startProgram("python3", {
    args: ["-c", SCRIPT, mode],
    ready: (soFar) => /\n/.test(output = soFar),
  });
  return Object.assign(server, { address: `127.0.0.1:${output.trim()}` });
}

/** Starts clients that each exchange messages with an echo server without a pause. */
export async function talkers(
  port: number,
  { count = 50, bytes = 64 }: { count?: number; bytes?: number } = {},
): Promise<Running> {
  const args = ["-c", SCRIPT, "talk", `${port}`, `${count}`, `${bytes}`];
  return await startProgram("python3", { args, ready: (output) => output.includes("talking") });
}

/** Starts a client that reads from a `source` as fast as it can. */
export async function fastReader(port: number): Promise<Running> {
  const args = ["-c", SCRIPT, "sink", `${port}`];
  return await startProgram("python3", { args, ready: (output) => output.includes("talking") });
}
