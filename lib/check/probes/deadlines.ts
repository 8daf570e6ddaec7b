/**
 * Deadlines of probes. Those with the same time limit share one timer: a timer of its own would
 * make a probe on a local network a sixth more expensive.
 */

/** One deadline. */
interface Deadline {
  readonly at: number;
  readonly expire: () => void;
}

/** The deadlines of one time limit, in the order in which they expire. */
interface Queue {
  readonly waiting: Set<Deadline>;
  timer: ReturnType<typeof setTimeout> | undefined;
}

const queues = new Map<number, Queue>();

/**
 * Calls a function after a time limit, unless that is canceled before.
 *
 * @param ms Milliseconds; few different values, since each one has its own timer.
 * @returns Cancels it. May be repeated, and called after the function.
 */
export function expireAfter(ms: number, expire: () => void): () => void {
  const queue = queues.get(ms) ?? { waiting: new Set(), timer: undefined };
  queues.set(ms, queue);
  const deadline = { at: performance.now() + ms, expire };
  queue.waiting.add(deadline);
  queue.timer ??= setTimeout(expireDue, ms, queue);
  return () => {
    queue.waiting.delete(deadline);
    if (queue.waiting.size > 0) return;
    clearTimeout(queue.timer);
    queue.timer = undefined;
    if (queues.get(ms) === queue) queues.delete(ms);
  };
}

function expireDue(queue: Queue): void {
  queue.timer = undefined;
  const now = performance.now();
  for (const deadline of queue.waiting) {
    if (deadline.at > now) {
      queue.timer = setTimeout(expireDue, deadline.at - now, queue);
      return;
    }
    queue.waiting.delete(deadline);
    deadline.expire();
  }
}
