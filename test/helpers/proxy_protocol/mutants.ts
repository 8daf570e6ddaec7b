/** A generator of numbers below `n` that gives the same ones each time (mulberry32). */
export function numbers(seed: number): (n: number) => number {
  let state = seed >>> 0;
  return (n) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % n;
  };
}

/** Bytes that mean something in a header. */
const SPECIAL = [0, 1, 2, 3, 0x0a, 0x0d, 0x11, 0x20, 0x21, 0x22, 0x2e, 0x30, 0x3a, 0x80, 0xff];

/** A header with up to three changes: flipped, inserted, removed, repeated, and swapped bytes. */
export function mutant(seeds: readonly Uint8Array[], seed: number): Uint8Array<ArrayBuffer> {
  const next = numbers(seed), bytes = [...seeds[next(seeds.length)]!];
  for (let changes = next(4); changes > 0; changes--) {
    const at = next(bytes.length), byte = SPECIAL[next(SPECIAL.length)]!;
    // Half of the changes are in the first 18 bytes, where most fields of version 2 are.
    const place = next(2) === 0 ? at : at % 18;
    switch (next(6)) {
      case 0:
        bytes[place]! ^= 1 << next(8);
        break;
      case 1:
        bytes[place] = byte;
        break;
      case 2:
        bytes.splice(place, 0, byte);
        break;
      case 3:
        if (bytes.length > 1) bytes.splice(place, 1);
        break;
      case 4:
        bytes.splice(place, 0, ...bytes.slice(place, place + next(16)));
        break;
      case 5:
        bytes.splice(place, 2, ...bytes.slice(place, place + 2).reverse());
    }
  }
  return Uint8Array.from(bytes);
}
