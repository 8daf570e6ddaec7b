/** Events in the order in which they happen. */
export interface EventQueue<T> {
  readonly push: (value: T) => void;
  /** Waits for the next event. */
  readonly next: () => Promise<T>;
  /** Whether an event is queued. */
  readonly waiting: boolean;
  /** Discards all queued events. */
  readonly clear: () => void;
  /** Also calls a function for each queued and future event, until the result is disposed. */
  readonly watch: (onEvent: (value: T) => void) => Disposable;
}

/** An empty queue for one reader. */
export function eventQueue<T>(): EventQueue<T> {
  const values: T[] = [];
  let wake = () => {}, watcher: (value: T) => void = () => {};
  return {
    push(value) {
      values.push(value);
      watcher(value);
      wake();
    },
    async next() {
      while (values.length === 0) await new Promise<void>((resolve) => wake = resolve);
      return values.shift()!;
    },
    get waiting() {
      return values.length > 0;
    },
    clear: () => void values.splice(0),
    watch(onEvent) {
      watcher = onEvent;
      for (const value of [...values]) onEvent(value);
      return { [Symbol.dispose]: () => void (watcher = () => {}) };
    },
  };
}
