import { Backlog, PatientBacklog } from "../base/backlog.ts";
import { counted } from "../base/integers.ts";
import { NAME } from "../base/version.ts";
import { settlesWithProgress } from "../base/within.ts";
import { localParts } from "../native/local_time.ts";
import { type DatagramSender, logSender } from "./datagram.ts";

/** The socket of syslog(3); `$BALANCE_SYSLOG` names another one. */
const DEV_LOG = "/dev/log";
/** Facility `daemon`, as in 3.35. */
const DAEMON = 3;
/** The severities in use (RFC 3164 section 4.1.1). */
const SEVERITY = { notice: 5, info: 6, debug: 7 } as const;
type Severity = keyof typeof SEVERITY;
const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");
/** Messages that may be queued for a slow receiver before senders wait, or messages are dropped. */
const MAX_WAITING = 1000;
/** Closing gives up if nothing is delivered for this long, and after this long, in milliseconds. */
const STALL_MS = 1000, LAST_LINES_MS = 10_000;

/** A connection to syslog. */
export interface Syslog {
  /**
   * Logs lines, in order. Lines that cannot be delivered are dropped, as in syslog(3); their
   * number is logged as soon as the receiver is back.
   */
  log(severity: Severity, text: string): void;
  /** Waits for room in the queue; `undefined` if there is room or lines are dropped. */
  room(): Promise<void> | undefined;
  /** Lines that were dropped so far. */
  readonly dropped: number;
  /** Waits for queued lines, unless the receiver takes nothing for a second, and closes. */
  close(): Promise<void>;
}

/**
 * Opens syslog, with `balance` and the process ID as ident.
 *
 * @param options `purpose`: names the sending socket, unique in the process. `waits`: senders wait
 *     for {@link Syslog.room}, so lines are dropped only if the receiver is too slow.
 */
export function openSyslog({ purpose = "syslog", waits = false } = {}): Syslog {
  return new SyslogQueue(logSender(Deno.env.get("BALANCE_SYSLOG") || DEV_LOG, purpose), { waits });
}

class SyslogQueue implements Syslog {
  readonly #sender: DatagramSender;
  readonly #backlog: Backlog;
  #messages: string[] = [];
  #running: Promise<void> | undefined;
  #isClosed = false;
  #reported = 0;
  dropped = 0;

  constructor(sender: DatagramSender, { waits }: { waits: boolean }) {
    this.#sender = sender;
    this.#backlog = waits ? new PatientBacklog(MAX_WAITING) : new Backlog(MAX_WAITING);
  }

  log(severity: Severity, text: string): void {
    for (const line of text.split("\n")) {
      if (this.#backlog.mustDrop) {
        this.dropped++;
        continue;
      }
      this.#backlog.add(1);
      this.#messages.push(messageNow(severity, line));
    }
    if (this.#messages.length > 0) this.#running ??= this.#run();
  }

  room(): Promise<void> | undefined {
    return this.#backlog.room();
  }

  async close(): Promise<void> {
    this.#backlog.release();
    const limits = { patienceMs: STALL_MS, limitMs: LAST_LINES_MS };
    await settlesWithProgress(
      this.#running ?? Promise.resolve(),
      () => this.#backlog.size,
      limits,
    );
    this.#isClosed = true;
    this.dropped += this.#backlog.size;
    this.#sender[Symbol.dispose]();
  }

  /** Delivers the queued messages. Never rejects. */
  async #run(): Promise<void> {
    while (this.#messages.length > 0) {
      const messages = this.#messages;
      this.#messages = [];
      for (const message of messages) {
        await this.#deliver(message);
        if (this.#isClosed) return;
        this.#backlog.remove(1);
      }
    }
    this.#running = undefined;
  }

  async #deliver(message: string): Promise<void> {
    const lost = this.dropped - this.#reported;
    const report = `${counted(lost, "message")} to the system log dropped`;
    if (lost > 0 && await this.#sender.send(messageNow("notice", report))) this.#reported += lost;
    if (!await this.#sender.send(message)) this.dropped++;
  }
}

function messageNow(severity: Severity, line: string): string {
  return syslogMessage(line, { severity, pid: Deno.pid, time: new Date() });
}

/** One line as syslog(3) writes it to its socket (RFC 3164 without a host name). */
export function syslogMessage(
  text: string,
  options: { severity: Severity; pid: number; time: Date },
): string {
  const { time, pid } = options;
  const priority = DAEMON * 8 + SEVERITY[options.severity];
  const { month, day, hours, minutes, seconds } = localParts(time);
  const date = `${MONTHS[month]} ${String(day).padStart(2)}`;
  const clock = [hours, minutes, seconds].map((part) => String(part).padStart(2, "0")).join(":");
  return `<${priority}>${date} ${clock} ${NAME}[${pid}]: ${text}`;
}
