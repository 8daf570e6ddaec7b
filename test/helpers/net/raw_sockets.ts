/**
 * TCP sockets of the test through the C library (Linux): each call is one system call, at once. So
 * a test decides which events reach balance together, and every socket can be reset.
 *
 * @module
 */
import { cLibraries } from "../../../lib/native/c_library.ts";
import { exists } from "../temp_dir.ts";

const AF_INET = 2, SOCK_STREAM = 1, SOCK_NONBLOCK = 0o4000, SOCK_CLOEXEC = 0o2000000;
const IPPROTO_TCP = 6, TCP_NODELAY = 1;
const SOL_SOCKET = 1, SO_RCVBUF = 8, SO_LINGER = 13;
const SHUT_WR = 1;
const MSG_DONTWAIT = 0x40, MSG_NOSIGNAL = 0x4000;
const EINTR = 4, EAGAIN = 11;
const LOOPBACK = [127, 0, 0, 1];

const SYMBOLS = {
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  bind: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  listen: { parameters: ["i32", "i32"], result: "i32" },
  getsockname: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  connect: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  accept4: { parameters: ["i32", "buffer", "buffer", "i32"], result: "i32" },
  setsockopt: { parameters: ["i32", "i32", "i32", "buffer", "u32"], result: "i32" },
  send: { parameters: ["i32", "buffer", "usize", "i32"], result: "isize" },
  recv: { parameters: ["i32", "buffer", "usize", "i32"], result: "isize" },
  shutdown: { parameters: ["i32", "i32"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
  __errno_location: { parameters: [], result: "pointer" },
} as const;

type Library = Deno.DynamicLibrary<typeof SYMBOLS>["symbols"];

/** Whether they work here. */
export const hasRawSockets: boolean = Deno.build.os === "linux" && cLibraries().some(exists);

// Opened here, because tests must close what they open.
const opened: Library | undefined = hasRawSockets
  ? Deno.dlopen(cLibraries().find(exists)!, SYMBOLS).symbols
  : undefined;

function library(): Library {
  if (opened === undefined) throw new Error("There is no C library of Linux");
  return opened;
}

/** How the input of a socket ended: with FIN, or with RST. */
export type RawEnd = "end" | "reset";

/** A connected socket. No function blocks. */
export interface RawSocket {
  readonly remotePort: number;
  /** @returns How many bytes the system took, possibly 0; `"reset"` if the peer has reset it. */
  send(bytes: Uint8Array<ArrayBuffer>): number | "reset";
  /** @returns How many bytes were read, 0 if none are there; or how the input ended. */
  receive(buffer: Uint8Array<ArrayBuffer>): number | RawEnd;
  /** Ends the output with FIN. */
  closeWrite(): void;
  /** Closes it: with FIN, or with RST if bytes are unread. May be repeated. */
  close(): void;
  /** Closes it with RST. */
  reset(): void;
}

/** A listening socket on a free port of 127.0.0.1. */
export interface RawListener extends Disposable {
  readonly port: number;
  /** @returns `undefined` if nobody has connected. */
  accept(): RawSocket | undefined;
}

/** Listens on a free port of 127.0.0.1. */
export function rawListener(): RawListener {
  const libc = library();
  const fd = checked("socket", libc.socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const address = sockaddr(0);
  checked("bind", libc.bind(fd, address, address.length));
  checked("listen", libc.listen(fd, 128));
  checked("getsockname", libc.getsockname(fd, address, new Uint32Array([address.length])));
  return {
    port: portOf(address),
    accept() {
      const peer = sockaddr(0), length = new Uint32Array([peer.length]);
      const accepted = libc.accept4(fd, peer, length, SOCK_NONBLOCK | SOCK_CLOEXEC);
      return accepted < 0 ? undefined : socketOf(accepted, portOf(peer));
    },
    [Symbol.dispose]: () => void libc.close(fd),
  };
}

/**
 * Connects to a port of 127.0.0.1.
 *
 * @param options `receiveBuffer`: its size in bytes; the default is that of the system, which grows.
 * @throws {Error} If the connection is refused.
 */
export function rawConnect(
  port: number,
  options: { receiveBuffer?: number | undefined } = {},
): RawSocket {
  const libc = library();
  const fd = checked("socket", libc.socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (options.receiveBuffer !== undefined) {
    libc.setsockopt(fd, SOL_SOCKET, SO_RCVBUF, new Int32Array([options.receiveBuffer]), 4);
  }
  const address = sockaddr(port);
  // On loopback the backlog answers at once.
  if (libc.connect(fd, address, address.length) !== 0) {
    const code = errno();
    libc.close(fd);
    throw new Error(`Cannot connect to port ${port}: errno ${code}`);
  }
  return socketOf(fd, port);
}

function socketOf(fd: number, remotePort: number): RawSocket {
  const libc = library();
  let open = true;
  libc.setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, new Int32Array([1]), 4);
  /** Whether an error has reported a reset, which the system reports once. */
  let isReset = false;
  function call(run: () => number | bigint): number | "reset" {
    if (!open) throw new Error("Cannot use a closed socket");
    for (;;) {
      const result = Number(run());
      if (result >= 0) return isReset ? "reset" : result;
      const code = errno();
      if (code === EAGAIN) return 0;
      if (code === EINTR) continue;
      isReset = true;
      return "reset";
    }
  }
  function close(): void {
    if (open) libc.close(fd);
    open = false;
  }
  return {
    remotePort,
    send: (bytes) =>
      call(() => libc.send(fd, bytes, BigInt(bytes.length), MSG_DONTWAIT | MSG_NOSIGNAL)),
    receive(buffer) {
      let atEnd = false;
      const count = call(() => {
        const result = libc.recv(fd, buffer, BigInt(buffer.length), MSG_DONTWAIT);
        atEnd = Number(result) === 0;
        return result;
      });
      return count === 0 && atEnd ? "end" : count;
    },
    closeWrite: () => void libc.shutdown(fd, SHUT_WR),
    close,
    reset() {
      if (open) libc.setsockopt(fd, SOL_SOCKET, SO_LINGER, new Int32Array([1, 0]), 8);
      close();
    },
  };
}

/** `struct sockaddr_in` of 127.0.0.1. */
function sockaddr(port: number): Uint8Array<ArrayBuffer> {
  const address = new Uint8Array(16);
  const view = new DataView(address.buffer);
  view.setUint16(0, AF_INET, true);
  view.setUint16(2, port);
  address.set(LOOPBACK, 4);
  return address;
}

function portOf(address: Uint8Array<ArrayBuffer>): number {
  return new DataView(address.buffer).getUint16(2);
}

function checked(name: string, result: number): number {
  if (result < 0) throw new Error(`${name}: errno ${errno()}`);
  return result;
}

function errno(): number {
  return new Deno.UnsafePointerView(library().__errno_location()!).getInt32();
}
