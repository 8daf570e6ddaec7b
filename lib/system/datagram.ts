import { writeAll } from "../base/bytes.ts";
import { prepareDirectory, runDirectories } from "./run_directory.ts";
import { removeIfThere } from "./unix_socket.ts";

/** Sends datagrams to a Unix socket. */
export interface DatagramSender extends Disposable {
  /** Sends one datagram. Resolves to whether it was delivered; never rejects. */
  send(text: string): Promise<boolean>;
}

const encoder = new TextEncoder();

/**
 * Opens a sender of datagrams.
 *
 * Deno requires the sending socket to have an address. It is a file in the run directory, removed
 * right after binding: no replies are expected, and a killed process leaves nothing there.
 *
 * @param to Path of the receiver; a leading `@` means the abstract namespace.
 * @param purpose Part of the file's name, unique in the process.
 * @returns `undefined` if no run directory is usable.
 */
export function datagramSender(to: string, purpose: string): DatagramSender | undefined {
  const receiver = { transport: "unixpacket", path: to.replace(/^@/, "\0") } as const;
  for (const directory of runDirectories()) {
    try {
      prepareDirectory(directory);
      const path = `${directory.path}/.${purpose}.${Deno.pid}`;
      removeIfThere(path);
      const socket = Deno.listenDatagram({ transport: "unixpacket", path });
      removeIfThere(path);
      return {
        send: (text) => socket.send(encoder.encode(text), receiver).then(() => true, () => false),
        [Symbol.dispose]: () => socket.close(),
      };
    } catch { /* try the next directory */ }
  }
  return undefined;
}

/**
 * Opens a sender of messages to the system log. Like syslog(3), it sends datagrams, or, if the
 * receiver is a stream socket, connects to it and ends each message with NUL. It connects again
 * after the receiver was restarted, even with the other kind of socket.
 *
 * @param to Path of the receiver; a leading `@` means the abstract namespace.
 * @param purpose Part of the name of the sending socket, unique in the process.
 */
export function logSender(to: string, purpose: string): DatagramSender {
  const datagrams = datagramSender(to, purpose);
  const receiver = { transport: "unix", path: to.replace(/^@/, "\0") } as const;
  let stream: Deno.UnixConn | undefined;
  let isClosed = false;

  function disconnect(): void {
    stream?.close();
    stream = undefined;
  }

  async function write(text: string): Promise<boolean> {
    try {
      stream ??= await Deno.connect(receiver);
      if (isClosed) throw new Deno.errors.Interrupted();
      await writeAll(stream, encoder.encode(`${text}\0`));
      return true;
    } catch {
      disconnect();
      return false;
    }
  }

  return {
    async send(text) {
      if (stream !== undefined && await write(text)) return true;
      if (await datagrams?.send(text)) return true;
      return !isClosed && await write(text);
    },
    [Symbol.dispose]() {
      isClosed = true;
      disconnect();
      datagrams?.[Symbol.dispose]();
    },
  };
}
