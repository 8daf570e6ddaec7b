/** A sequence whose next value can be awaited without taking it. */
export interface Peekable<T> {
  /** Takes the next value. */
  next(): Promise<IteratorResult<T>>;
  /** The result of the next call of `next()`. */
  peek(): Promise<IteratorResult<T>>;
}

/** Makes a sequence peekable. Nothing else may take its values. */
export function peekable<T>(from: AsyncGenerator<T, void>): Peekable<T> {
  let ahead: Promise<IteratorResult<T>> | undefined;
  return {
    next() {
      const next = ahead ?? from.next();
      ahead = undefined;
      return next;
    },
    peek: () => ahead ??= from.next(),
  };
}
