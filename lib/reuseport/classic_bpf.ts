/** Programs for the packet filter of Linux in its classic form: linux/filter.h, linux/bpf_common.h. */

import type { CLibrary } from "../native/c_library.ts";
import { type Fixed, fixed } from "../native/memory.ts";

/** `struct sock_fprog`: a length and the address of the instructions. */
const HEAD_BYTES = 16;
/** `struct sock_filter`: the code, two jump offsets, and an operand. */
const INSTRUCTION_BYTES = 8;

/** An instruction without jumps: its code and its operand. */
type Instruction = readonly [code: number, operand: number];

const LOAD_WORD = 0x20, ADD = 0x04, MODULO = 0x94, RETURN_RESULT = 0x16;
/** `SKF_AD_OFF + SKF_AD_RANDOM`: loading from there yields a random number. */
const RANDOM = 0xfffff000 + 56;

/** A program, and its size to pass to setsockopt(2). Valid as long as it is referenced. */
export interface BpfProgram {
  readonly bytes: Fixed;
  readonly size: number;
}

/** Returns a random number of a range: the number of a socket. */
export function anyOf(c: CLibrary, { first, count }: SocketRange): BpfProgram {
  return assemble(c, [[LOAD_WORD, RANDOM], [MODULO, count], [ADD, first], [RETURN_RESULT, 0]]);
}

/** Sockets with consecutive numbers. */
export interface SocketRange {
  /** The number of the first one. */
  readonly first: number;
  /** How many, at least 1. */
  readonly count: number;
}

function assemble(c: CLibrary, instructions: readonly Instruction[]): BpfProgram {
  const bytes = fixed(HEAD_BYTES + INSTRUCTION_BYTES * instructions.length);
  const view = new DataView(bytes.buffer);
  const address = c.memmove(bytes, bytes, 0n);
  view.setUint16(0, instructions.length, true);
  view.setBigUint64(8, address + BigInt(HEAD_BYTES), true);
  instructions.forEach(([code, operand], index) => {
    const at = HEAD_BYTES + INSTRUCTION_BYTES * index;
    view.setUint16(at, code, true);
    view.setUint32(at + 4, operand, true);
  });
  return { bytes, size: HEAD_BYTES };
}
