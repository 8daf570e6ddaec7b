import { NAME } from "../base/version.ts";
import { within } from "../base/within.ts";
import { datagramSender } from "./datagram.ts";

/** The socket of syslog(3); `$BALANCE_SYSLOG` names another one. */
const DEV_LOG = "/dev/log";
/** Facility `daemon`, as in 3.35. */
const DAEMON = 3;
/** The severities in use (RFC 3164 section 4.1.1). */
const SEVERITY = { notice: 5, info: 6, debug: 7 } as const;
const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");
/** Maximum number of messages queued for a slow receiver; more are dropped. */
const MAX_WAITING = 1000;
/** Milliseconds to wait for queued messages at the end. */
const CLOSE_MS = 1000;

/** A connection to syslog. */
export interface Syslog {
  /** Logs lines, in order. Lines that cannot be delivered are dropped, as in syslog(3). */
  log(severity: keyof typeof SEVERITY, text: string): void;
  /** Lines that were dropped so far. */
  readonly dropped: number;
  /** Waits for queued lines for at most a second, and closes. */
  close(): Promise<void>;
}

/**
 * Opens syslog, with `balance` and the process ID as ident.
 *
 * @param purpose Names the sending socket, unique in the process.
 */
export function openSyslog(purpose = "syslog"): Syslog {
  const sender = datagramSender(Deno.env.get("BALANCE_SYSLOG") || DEV_LOG, purpose);
  let last: Promise<unknown> = Promise.resolve();
  let waiting = 0, dropped = 0;

  async function deliver(before: Promise<unknown>, message: string): Promise<void> {
    await before;
    if (!await sender?.send(message)) dropped++;
    waiting--;
  }

  return {
    log(severity, text) {
      for (const line of text.split("\n")) {
        if (sender === undefined || waiting >= MAX_WAITING) {
          dropped++;
          continue;
        }
        waiting++;
        last = deliver(last, syslogMessage(line, { severity, pid: Deno.pid, time: new Date() }));
      }
    },
    get dropped() {
      return dropped;
    },
    async close() {
      await within(last, CLOSE_MS);
      sender?.[Symbol.dispose]();
    },
  };
}

/** One line as syslog(3) writes it to its socket (RFC 3164 without a host name). */
export function syslogMessage(
  text: string,
  options: { severity: keyof typeof SEVERITY; pid: number; time: Date },
): string {
  const { time, pid } = options;
  const priority = DAEMON * 8 + SEVERITY[options.severity];
  const day = `${MONTHS[time.getMonth()]} ${String(time.getDate()).padStart(2)}`;
  return `<${priority}>${day} ${time.toTimeString().slice(0, 8)} ${NAME}[${pid}]: ${text}`;
}
