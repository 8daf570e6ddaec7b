// Types for the parts of dns-packet in use, which ships without declarations.

declare module "dns-packet" {
  /** A record as it is decoded; `data` depends on the type. */
  export interface Answer {
    readonly name: string;
    readonly type: string;
    readonly ttl?: number;
    readonly class?: string;
    readonly data?: unknown;
  }
  export interface Packet {
    readonly id: number;
    readonly type: "query" | "response";
    readonly flags: number;
    readonly rcode: string;
    readonly opcode: string;
    readonly flag_tc: boolean;
    readonly questions: readonly { name: string; type: string; class: string }[];
    readonly answers: readonly Answer[];
  }
  export function encode(packet: object): Uint8Array;
  export function decode(bytes: Uint8Array): Packet;
  export const RECURSION_DESIRED: number;
}
