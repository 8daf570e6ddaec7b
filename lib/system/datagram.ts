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
