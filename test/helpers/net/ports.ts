/**
 * TCP ports for tests, none of which another test uses at the same time.
 *
 * Test files run in parallel, and a port is free only until it is bound. So each instance of this
 * module (one per test file) claims its own block of ports, and gives out ports of that block only.
 *
 * @module
 */
import { listensOn } from "./tcp_sockets.ts";

// Both ranges are outside 32768..60999, from which Linux takes the ports of outgoing connections.
/** Ports to listen on have five digits, so that columns of tables stay as recorded. */
const FREE = { first: 10_000, size: 200 };
const DEAD = { first: 61_000, size: 36 };
const BLOCKS = 100;
/** The blocks from 20000 to 21999 are left out: texts of the golden records contain these ports. */
const RECORDED = { block: 50, blocks: 10 };

/**
 * Claims a block by listening on its first port, which is never given out. The kernel releases the
 * claim when this process (or worker) ends, so nothing has to be cleaned up.
 */
function claimBlock(): { block: number; claim: Deno.Listener | undefined } {
  const start = Math.floor(Math.random() * BLOCKS);
  for (let i = 0; i < BLOCKS; i++) {
    const block = (start + i) % BLOCKS;
    try {
      return { block, claim: Deno.listen({ hostname: "127.0.0.1", port: firstPort(FREE, block) }) };
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
  // More than a hundred test files at once: they have to share.
  return { block: start, claim: undefined };
}

const { block, claim } = claimBlock();
// It stays open, but must not keep the program running.
claim?.unref();

function firstPort(range: { first: number; size: number }, block: number): number {
  const skipped = block < RECORDED.block ? 0 : RECORDED.blocks;
  return range.first + (block + skipped) * range.size;
}

/** Walks the ports of the block in turn, so that a port is not used again for a long time. */
function portFinder(range: { first: number; size: number }): () => number {
  const { size } = range;
  const first = firstPort(range, block);
  let last = 0;
  return () => {
    for (let attempt = 0; attempt < size; attempt++) {
      last = last % (size - 1) + 1;
      // Looked up, not tried: even a short-lived listener may accept a connection of another test.
      if (!listensOn(first + last)) return first + last;
    }
    throw new Error(`Cannot find a free port in ${first}..${first + size - 1}`);
  };
}

/**
 * Finds a TCP port that nothing listens on, for a listener of the test.
 *
 * A program outside the tests may still take it. Where a program accepts port 0, use that.
 *
 * @returns A port in 10000..31999. It comes again only after all others of the block.
 * @throws {Error} If all ports of the block are in use.
 */
export const freePort: () => number = portFinder(FREE);

/**
 * Finds a TCP port that nothing listens on, and that nothing will listen on while the tests run:
 * connects to it are refused.
 *
 * @returns A port in 61000..64959. It comes again only after all others of the block.
 * @throws {Error} If all ports of the block are in use.
 */
export const deadPort: () => number = portFinder(DEAD);
