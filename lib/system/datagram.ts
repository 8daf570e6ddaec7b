import { prepareDirectory, runDirectories } from "./run_directory.ts";

/** Sends datagrams to a Unix socket. */
export interface DatagramSender extends Disposable {
  /** Sends one datagram; resolves to whether it was taken. Never rejects. */
  send(text: string): Promise<boolean>;
}

const encoder = new TextEncoder();

/**
 * Opens a sender of datagrams.
 *
 * A socket of the runtime needs an address of its own. It is a file in the run directory, which
 * is there for a moment only: nobody answers to it, and so nothing is left when we are killed.
 *
 * @param to Path of the receiver; a name that begins with `@` is in the abstract name space.
 * @param purpose Part of the file's name.
 * @returns `undefined` if there is no directory for it.
 */
export function datagramSender(to: string, purpose: string): DatagramSender | undefined {
  const path = to.replace(/^@/, "\0");
  for (const directory of runDirectories()) {
    try {
      prepareDirectory(directory);
      const own = `${directory.path}/.${purpose}.${Deno.pid}`;
      removeIfThere(own);
      const socket = Deno.listenDatagram({ transport: "unixpacket", path: own });
      removeIfThere(own);
      return {
        async send(text) {
          try {
            await socket.send(encoder.encode(text), { transport: "unixpacket", path });
            return true;
          } catch {
            return false;
          }
        },
        [Symbol.dispose]() {
          socket.close();
        },
      };
    } catch { /* the next directory */ }
  }
  return undefined;
}

function removeIfThere(path: string): void {
  try {
    Deno.removeSync(path);
  } catch { /* not there, or not ours, which binding will tell */ }
}
