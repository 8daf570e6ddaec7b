/** How isolates that accept on the same socket share the clients; only the epoll engine needs it. */

/** The load of an isolate that accepts nothing. */
export const NOT_ACCEPTING = 2 ** 30;

/** What isolates know about each other. */
export interface IsolateLoads {
  /** Number of this isolate. */
  readonly index: number;
  /** Shared: the number of connections of each isolate, or {@link NOT_ACCEPTING}. */
  readonly loads: Int32Array<SharedArrayBuffer>;
  /** Shared: 1 while an isolate waits for events, so that it can be woken at once. */
  readonly waits: Uint8Array<SharedArrayBuffer>;
  /** The eventfd of each isolate, which is open while its load is below {@link NOT_ACCEPTING}. */
  readonly wakeups: readonly number[];
}
