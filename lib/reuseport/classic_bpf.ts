/** Programs for the packet filter of Linux in its classic form: linux/filter.h, linux/bpf_common.h. */

import type { CLibrary } from "../native/c_library.ts";
import { type Fixed, fixed } from "../native/memory.ts";

/** `struct sock_fprog`: a length and the address of the instructions. */
const HEAD_BYTES = 16;
/** `struct sock_filter`: the code, two jump offsets, and an operand. */
const INSTRUCTION_BYTES = 8;

/** An instruction without jumps: its code and its operand. */
type Instruction = readonly [code: number, operand: number];

/** `BPF_RET | BPF_K`: returns the operand. */
const RETURN = 0x06;

/** A program, and its size to pass to setsockopt(2). Valid as long as it is referenced. */
export interface BpfProgram {
  readonly bytes: Fixed;
  readonly size: number;
}

/** Always returns the same number: that of a socket. */
export function always(c: CLibrary, socket: number): BpfProgram {
  return assemble(c, [[RETURN, socket]]);
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
