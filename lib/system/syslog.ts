import { counted } from "../base/integers.ts";
import { NAME } from "../base/version.ts";
import { within } from "../base/within.ts";
import { localParts } from "../native/local_time.ts";
import { logSender } from "./datagram.ts";

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
  /**
   * Logs lines, in order. Lines that cannot be delivered are dropped, as in syslog(3); their
   * number is logged as soon as the receiver is back.
   */
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
  const sender = logSender(Deno.env.get("BALANCE_SYSLOG") || DEV_LOG, purpose);
  let last: Promise<unknown> = Promise.resolve();
  let waiting = 0, dropped = 0, reported = 0;

  function messageNow(severity: keyof typeof SEVERITY, line: string): string {
    return syslogMessage(line, { severity, pid: Deno.pid, time: new Date() });
  }

  async function deliver(before: Promise<unknown>, message: string): Promise<void> {
    await before;
    const lost = dropped - reported;
    const report = `${counted(lost, "message")} to the system log dropped`;
    if (lost > 0 && await sender.send(messageNow("notice", report))) reported += lost;
    if (!await sender.send(message)) dropped++;
    waiting--;
  }

  return {
    log(severity, text) {
      for (const line of text.split("\n")) {
        if (waiting >= MAX_WAITING) {
          dropped++;
          continue;
        }
        waiting++;
        last = deliver(last, messageNow(severity, line));
      }
    },
    get dropped() {
      return dropped;
    },
    async close() {
      await within(last, CLOSE_MS);
      sender[Symbol.dispose]();
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
  const { month, day, hours, minutes, seconds } = localParts(time);
  const date = `${MONTHS[month]} ${String(day).padStart(2)}`;
  const clock = [hours, minutes, seconds].map((part) => String(part).padStart(2, "0")).join(":");
  return `<${priority}>${date} ${clock} ${NAME}[${pid}]: ${text}`;
}
