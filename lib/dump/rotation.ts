/** Rotation of dump files: when a new file starts, and what happens to older ones. */

import { UsageError } from "../base/errors.ts";
import { strictInteger } from "../base/integers.ts";

/** When a new file starts, and how many are kept. Both at least 1. */
export interface Rotation {
  /** A record goes into a new file if the current one has this many bytes. */
  readonly bytes: number;
  /** Number of files that are kept, including the current one. */
  readonly count: number;
}

const DEFAULT_COUNT = 10, MAX_COUNT = 999_999;
const UNITS: Readonly<Record<string, number>> = { "": 1, k: 1 << 10, m: 1 << 20, g: 1 << 30 };

/**
 * Parses `--dump-rotate`: `SIZE[,COUNT]`. `SIZE` is in bytes, or with `k`, `M`, `G` in powers of
 * 1024; `COUNT` files are kept, including the current one (default 10).
 *
 * @throws {UsageError} If it is invalid.
 */
export function parseRotation(text: string): Rotation {
  const parts = /^(\d{1,12})([kmg]?)(?:,(\d{1,6}))?$/i.exec(text);
  const bytes = Number(parts?.[1]) * (UNITS[parts?.[2]?.toLowerCase() ?? ""] ?? 1);
  const count = strictInteger(parts?.[3] ?? String(DEFAULT_COUNT), { min: 1, max: MAX_COUNT });
  if (parts === null || count === undefined || bytes < 1) {
    throw new UsageError(`invalid rotation [${text}]: want SIZE[k|M|G][,COUNT]`);
  }
  return { bytes, count };
}

/**
 * Moves a file and its predecessors aside: `PATH` becomes `PATH.1`, `PATH.1` becomes `PATH.2`. The
 * oldest one is removed.
 *
 * @param count Number of files that are kept, including the one to be created. At least 1.
 */
export async function moveAside(path: string, count: number): Promise<void> {
  const name = (number: number) => number === 0 ? path : `${path}.${number}`;
  await unlessNotFound(Deno.remove(name(count - 1)));
  for (let number = count - 1; number > 0; number--) {
    await unlessNotFound(Deno.rename(name(number - 1), name(number)));
  }
}

/** The files of a dump whose names contain the time. Removes the oldest ones. */
export class FileHistory {
  readonly #count: number;
  /** Oldest first. */
  readonly #paths: string[] = [];

  /** @param count Number of files that are kept, including the current one. At least 1. */
  constructor(count: number) {
    this.#count = count;
  }

  /** Adds the current file. */
  async add(path: string): Promise<void> {
    if (this.#paths.at(-1) !== path) this.#paths.push(path);
    while (this.#paths.length > this.#count) {
      await unlessNotFound(Deno.remove(this.#paths.shift()!));
    }
  }
}

async function unlessNotFound(done: Promise<void>): Promise<void> {
  try {
    await done;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
