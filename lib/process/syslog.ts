import { NAME } from "../base/version.ts";
import { datagramSender } from "./datagram.ts";

/** Where syslog(3) sends to; `$BALANCE_SYSLOG` names another socket. */
const DEV_LOG = "/dev/log";
/** Facility daemon, as 3.35. */
const DAEMON = 3;
/** Severities of RFC 3164 section 4.1.1 that are used here. */
const SEVERITY = { notice: 5, debug: 7 } as const;
const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");
/** Messages that may wait for a slow receiver; later ones are dropped. */
const MOST_WAITING = 1000;

/** A way to the system's log. */
export interface Syslog {
  /** Logs lines, in order; whatever cannot be delivered is dropped, as syslog(3) does. */
  log(severity: keyof typeof SEVERITY, text: string): void;
  /** Waits for what was logged so far, then closes. */
  close(): Promise<void>;
}

/**
 * Opens the system's log, ident `balance` with the process id.
 *
 * @param now Gives the time of a message.
 */
export function openSyslog(now: () => Date = () => new Date()): Syslog {
  const sender = datagramSender(Deno.env.get("BALANCE_SYSLOG") || DEV_LOG, "syslog");
  let last: Promise<unknown> = Promise.resolve();
  let waiting = 0;
  return {
    log(severity, text) {
      if (sender === undefined) return;
      for (const line of text.split("\n")) {
        if (waiting >= MOST_WAITING) return;
        waiting++;
        const message = syslogMessage(line, { severity, pid: Deno.pid, time: now() });
        last = last.then(() => sender.send(message)).finally(() => waiting--);
      }
    },
    async close() {
      await last;
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
