/**
 * Reads the pcapng files that balance writes, with every check. It shares no code with the writer.
 *
 * @module
 */

/** A block of a file. */
export interface Block {
  readonly type: number;
  /** The bytes between the two length fields. */
  readonly body: Uint8Array;
}

/** A packet with its headers parsed. */
export interface Packet {
  /** Microseconds since 1970. */
  readonly time: number;
  /** Number of section headers before it, from 1. */
  readonly section: number;
  readonly comments: readonly string[];
  /** `ADDRESS:PORT`, IPv6 in full and in brackets. */
  readonly from: string;
  readonly to: string;
  /** Letters of the flags that are set, in the order `FSRPA`. */
  readonly flags: string;
  readonly seq: number;
  readonly ack: number;
  readonly window: number;
  /** Payload bytes that are in the file. */
  readonly payload: Uint8Array;
  /** Length of the payload on the wire. */
  readonly length: number;
  /** `false` if the packet was truncated, so that its TCP checksum cannot be verified. */
  readonly isWhole: boolean;
}

/** @throws {Error} If the two length fields of a block differ. */
export function readBlocks(file: Uint8Array): Block[] {
  const view = new DataView(file.buffer, file.byteOffset, file.length);
  const blocks: Block[] = [];
  for (let at = 0; at < file.length;) {
    const length = view.getUint32(at + 4, true);
    if (length % 4 !== 0 || at + length > file.length) throw new Error(`bad length at ${at}`);
    if (view.getUint32(at + length - 4, true) !== length) {
      throw new Error(`lengths differ at ${at}`);
    }
    blocks.push({ type: view.getUint32(at, true), body: file.subarray(at + 8, at + length - 4) });
    at += length;
  }
  return blocks;
}

/** Options as [code, value], without the end mark; there may be no options. */
export function readOptions(bytes: Uint8Array): [number, Uint8Array][] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const options: [number, Uint8Array][] = [];
  for (let at = 0; at < bytes.length;) {
    const code = view.getUint16(at, true), length = view.getUint16(at + 2, true);
    if (code === 0) {
      if (at + 4 !== bytes.length) throw new Error("bytes after the last option");
      return options;
    }
    options.push([code, bytes.subarray(at + 4, at + 4 + length)]);
    at += 4 + Math.ceil(length / 4) * 4;
  }
  if (options.length > 0) throw new Error("no end of options");
  return options;
}

/** Reads all packets. @throws {Error} If a checksum or a length is wrong. */
export function readPackets(file: Uint8Array): Packet[] {
  const packets: Packet[] = [];
  let section = 0;
  for (const { type, body } of readBlocks(file)) {
    if (type === 0x0a0d0d0a) section++;
    if (type === 6) packets.push(readPacket(body, section));
  }
  return packets;
}

function readPacket(body: Uint8Array, section: number): Packet {
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  const held = view.getUint32(12, true), original = view.getUint32(16, true);
  const ip = body.subarray(20, 20 + held);
  const rest = body.subarray(20 + Math.ceil(held / 4) * 4);
  const comments = readOptions(rest).filter(([code]) => code === 1)
    .map(([, value]) => new TextDecoder().decode(value));
  const time = Number(BigInt(view.getUint32(4, true)) << 32n | BigInt(view.getUint32(8, true)));

  const header = new DataView(ip.buffer, ip.byteOffset, ip.length);
  const isV4 = ip[0] === 0x45;
  if (!isV4 && ip[0] !== 0x60) throw new Error(`not an IP packet: ${ip[0]}`);
  const start = isV4 ? 20 : 40;
  const total = isV4 ? header.getUint16(2) : 40 + header.getUint16(4);
  if (total !== original) {
    throw new Error(`the IP length is ${total}, that of the block ${original}`);
  }
  if (isV4 && checksum([ip.subarray(0, 20)]) !== 0) throw new Error("bad IP checksum");
  if (ip[isV4 ? 9 : 6] !== 6) throw new Error("not TCP");
  const size = isV4 ? 4 : 16;
  const source = ip.subarray(start - 2 * size, start - size);
  const target = ip.subarray(start - size, start);
  const tcp = ip.subarray(start);
  const fields = new DataView(tcp.buffer, tcp.byteOffset, tcp.length);
  const tcpHeader = (tcp[12]! >> 4) * 4;
  const isWhole = held === original;
  if (isWhole) {
    const pseudo = new Uint8Array(12);
    new DataView(pseudo.buffer).setUint32(0, tcp.length);
    pseudo[7] = 6;
    if (checksum([source, target, pseudo, tcp]) !== 0) throw new Error("bad TCP checksum");
  }
  return {
    time,
    section,
    comments,
    from: endpoint(source, fields.getUint16(0)),
    to: endpoint(target, fields.getUint16(2)),
    flags: ["F", "S", "R", "P", "A"].filter((_, bit) => tcp[13]! >> bit & 1).join(""),
    seq: fields.getUint32(4),
    ack: fields.getUint32(8),
    window: fields.getUint16(14),
    payload: tcp.subarray(tcpHeader),
    length: total - start - tcpHeader,
    isWhole,
  };
}

/**
 * The Internet checksum of pieces, all but the last of even length. It is 0 if they include a
 * correct checksum.
 */
function checksum(pieces: readonly Uint8Array[]): number {
  let sum = 0;
  for (const piece of pieces) {
    for (let i = 0; i < piece.length; i += 2) sum += piece[i]! * 256 + (piece[i + 1] ?? 0);
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000);
  return 0xffff - sum;
}

function endpoint(address: Uint8Array, port: number): string {
  if (address.length === 4) return `${address.join(".")}:${port}`;
  const words = Array.from(
    { length: 8 },
    (_, i) => (address[2 * i]! * 256 + address[2 * i + 1]!).toString(16),
  );
  return `[${words.join(":")}]:${port}`;
}
