import { NAME } from "../base/version.ts";
import { datagramSender } from "./datagram.ts";

/** Where syslog(3) sends to; `$BALANCE_SYSLOG` names another socket. */
const DEV_LOG = "/dev/log";
/** Facility daemon, as 3.35. */
const DAEMON = 3;
/** Severities of RFC 3164 section 4.1.1 that are used here. */
const SEVERITY = { notice: 5, info: 6, debug: 7 } as const;
const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");
/** Messages that may wait for a slow receiver; later ones are dropped. */
const MAX_WAITING = 1000;
/** Milliseconds that what still waits may take to be delivered at the end. */
const CLOSE_MS = 1000;

/** A way to the system's log. */
export interface Syslog {
  /** Logs lines, in order; whatever cannot be delivered is dropped, as syslog(3) does. */
  log(severity: keyof typeof SEVERITY, text: string): void;
  /** Lines that were not delivered so far. */
  readonly dropped: number;
  /** Waits, but not for long, until what was logged so far is delivered; then closes. */
  close(): Promise<void>;
}

/**
 * Opens the system's log, ident `balance` with the process id.
 *
 * @param options `now` gives the time of a message; `purpose` tells several in one process apart.
 */
export function openSyslog(
  options: { now?: () => Date; purpose?: string } = {},
): Syslog {
  const { now = () => new Date(), purpose = "syslog" } = options;
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
        last = deliver(last, syslogMessage(line, { severity, pid: Deno.pid, time: now() }));
      }
    },
    get dropped() {
      return dropped;
    },
    async close() {
      let timer: ReturnType<typeof setTimeout> | undefined;
      const late = new Promise((resolve) => timer = setTimeout(resolve, CLOSE_MS));
      await Promise.race([last, late]);
      clearTimeout(timer);
      sender?.[Symbol.dispose]();
    },
  };
}

/**
 * One message as syslog(3) writes it to its socket (RFC 3164 without a host name).
 *
 * @param text One line.
 * @param options Severity, process id and time.
 */
export function syslogMessage(
  text: string,
  options: { severity: keyof typeof SEVERITY; pid: number; time: Date },
): string {
  const { time, pid } = options;
  const priority = DAEMON * 8 + SEVERITY[options.severity];
  const day = `${MONTHS[time.getMonth()]} ${String(time.getDate()).padStart(2)}`;
  return `<${priority}>${day} ${time.toTimeString().slice(0, 8)} ${NAME}[${pid}]: ${text}`;
}
