/** The machines an executable can be compiled for, as Rust target triples. */
export const TARGETS = [
  "x86_64-unknown-linux-gnu",
  "aarch64-unknown-linux-gnu",
  "x86_64-apple-darwin",
  "aarch64-apple-darwin",
] as const;

/** One of {@linkcode TARGETS}. */
export type Target = typeof TARGETS[number];

/** Whether a text names one of {@linkcode TARGETS}. */
export function isTarget(text: string): text is Target {
  return (TARGETS as readonly string[]).includes(text);
}

/**
 * The machine a runtime stub runs on, read from the header of the file: ELF (`e_machine`) or
 * 64-bit Mach-O (`cputype`), little-endian.
 *
 * @param head At least the first 20 bytes of the file.
 * @returns `undefined` if it is not an executable for one of {@linkcode TARGETS}.
 */
export function stubTarget(head: Uint8Array): Target | undefined {
  if (head.length < 20) return undefined;
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  if (view.getUint32(0) === 0x7f454c46) {
    const machine = view.getUint16(18, true);
    if (machine === 62) return "x86_64-unknown-linux-gnu";
    if (machine === 183) return "aarch64-unknown-linux-gnu";
  }
  if (view.getUint32(0, true) === 0xfeedfacf) {
    const cpu = view.getUint32(4, true);
    if (cpu === 0x01000007) return "x86_64-apple-darwin";
    if (cpu === 0x0100000c) return "aarch64-apple-darwin";
  }
  return undefined;
}

/** The operating system and architecture of a target, on which its permissions depend. */
export function machineOf(target: Target): { os: string; arch: string } {
  const [arch = "", , os = ""] = target.split("-");
  return { os, arch };
}
