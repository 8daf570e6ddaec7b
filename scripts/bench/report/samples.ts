/** Every measured value, by figure and contender, in the order of the repeats. */
export class Samples {
  readonly #values = new Map<string, Map<string, number[]>>();

  /** Adds one value of `figure` (an id of figures.ts) for a contender. */
  add(figure: string, contender: string, value: number): void {
    let row = this.#values.get(figure);
    if (row === undefined) this.#values.set(figure, row = new Map());
    const values = row.get(contender);
    if (values === undefined) row.set(contender, [value]);
    else values.push(value);
  }

  /** The values of one contender; may be empty. */
  of(figure: string, contender: string): readonly number[] {
    return this.#values.get(figure)?.get(contender) ?? [];
  }

  /** Whether any contender has a value for this figure. */
  has(figure: string): boolean {
    return this.#values.has(figure);
  }

  /** All values, for JSON. */
  toJSON(): Record<string, Record<string, number[]>> {
    return Object.fromEntries(
      [...this.#values].map(([figure, row]) => [figure, Object.fromEntries(row)]),
    );
  }
}
