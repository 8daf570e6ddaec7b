import { F_SETPIPE_SZ, PIPE_FLAGS } from "./system/constants.ts";
import type { Descriptors } from "./system/descriptors.ts";
import type { BeforeWait } from "./loop/event_set.ts";
import { type LibC, words } from "./system/libc.ts";

const PIPE_BYTES = 256 << 10;
/** Size of a pipe, and the maximum that one splice(2) moves. */
export const PIPE_SIZE = BigInt(PIPE_BYTES);
/** Maximum pipes of an isolate unless it is given, and of those that are kept open without use. */
const DEFAULT_PIPES = 128, MAX_SPARE = 32;

/** A pipe that bytes pass through without being copied to this process. */
export interface Pipe {
  readonly readEnd: number;
  readonly writeEnd: number;
  /** Bytes in it. */
  filled: number;
}

/** A bounded pool of pipes for splice(2). */
export class Pipes implements BeforeWait {
  readonly #c: LibC;
  readonly #descriptors: Descriptors;
  readonly #max: number;
  readonly #spare: Pipe[] = [];
  readonly #ends = words(2);
  #open = 0;

  /** @param max Maximum number of pipes. */
  constructor(c: LibC, descriptors: Descriptors, max = DEFAULT_PIPES) {
    this.#c = c;
    this.#descriptors = descriptors;
    this.#max = max;
  }

  /** An empty pipe; `undefined` if there are too many, or none can be opened. */
  take(): Pipe | undefined {
    const spare = this.#spare.pop();
    if (spare !== undefined) return spare;
    if (this.#open >= this.#max) return undefined;
    const { numbers, bytes } = this.#ends;
    if (this.#c.pipe2(bytes, PIPE_FLAGS) < 0) return undefined;
    const [readEnd = -1, writeEnd = -1] = numbers;
    this.#descriptors.opened(readEnd);
    this.#descriptors.opened(writeEnd);
    this.#open++;
    // Beyond `fs.pipe-user-pages-soft` it fails, and the pipe keeps its size.
    this.#c.fcntl(writeEnd, F_SETPIPE_SZ, PIPE_BYTES);
    return { readEnd, writeEnd, filled: 0 };
  }

  /** Returns a pipe to the pool. A pipe that still has bytes is closed. */
  give(pipe: Pipe): void {
    if (pipe.filled === 0 && this.#spare.length < MAX_SPARE) this.#spare.push(pipe);
    else this.#close(pipe);
  }

  /** Closes the pipes that are not in use, if nothing has happened for a while. */
  beforeWait(isQuiet: boolean): void {
    if (!isQuiet) return;
    for (const pipe of this.#spare.splice(0)) this.#close(pipe);
  }

  #close({ readEnd, writeEnd }: Pipe): void {
    this.#open--;
    this.#descriptors.close(readEnd);
    this.#descriptors.close(writeEnd);
  }
}
