import { until } from "../t.ts";
import { tempDir } from "../temp_dir.ts";

/** A datagram socket in place of /dev/log. */
export interface SyslogReceiver extends AsyncDisposable {
  /** Path of the socket, for BALANCE_SYSLOG or NOTIFY_SOCKET. */
  readonly path: string;
  /** Messages so far. */
  readonly messages: readonly string[];
  /** Waits until at least this many have arrived. */
  waitFor(count: number): Promise<readonly string[]>;
}

/** Receives datagrams on a new socket. */
export function syslogReceiver(): SyslogReceiver {
  const dir = tempDir();
  const path = `${dir.path}/log`;
  const socket = Deno.listenDatagram({ transport: "unixpacket", path });
  const messages: string[] = [];
  async function receive(): Promise<void> {
    for (;;) {
      try {
        const [bytes] = await socket.receive(new Uint8Array(65536));
        messages.push(new TextDecoder().decode(bytes));
      } catch (error) {
        const closed = error instanceof Deno.errors.BadResource ||
          error instanceof Deno.errors.Interrupted;
        if (closed) return;
        throw error;
      }
    }
  }
  const receiving = receive();
  return {
    path,
    messages,
    async waitFor(count) {
      await until(() => messages.length >= count, {
        what: () => `${count} messages instead of ${JSON.stringify(messages)}`,
      });
      return messages;
    },
    async [Symbol.asyncDispose]() {
      socket.close();
      await receiving;
      dir[Symbol.dispose]();
    },
  };
}
