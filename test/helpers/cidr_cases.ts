/** Ranges of addresses, for everything that takes one: `parseCidr()`, filters, commands, options. */

/** An address, and whether it is in a range. */
export interface CidrCase {
  /** The range as given. */
  readonly range: string;
  readonly address: string;
  readonly isIn: boolean;
}

/** A range that is refused. */
export interface InvalidCidr {
  /** The range as given. */
  readonly range: string;
  /** The end of the message: `invalid range [RANGE]: REASON`. */
  readonly reason: string;
}

const RANGES: readonly (readonly [range: string, inside: string[], outside: string[]])[] = [
  ["10.0.0.0/8", ["10.0.0.0", "10.255.255.255"], ["11.0.0.0", "9.255.255.255", "::a00:1"]],
  ["10.1.2.3/8", ["10.9.9.9"], ["11.1.2.3"]],
  ["172.16.0.0/12", ["172.16.0.0", "172.31.255.255"], ["172.32.0.0", "172.15.255.255"]],
  ["192.168.1.4/31", ["192.168.1.4", "192.168.1.5"], ["192.168.1.3", "192.168.1.6"]],
  ["192.168.1.7", ["192.168.1.7", "::ffff:192.168.1.7"], ["192.168.1.6"]],
  ["192.168.1.7/32", ["192.168.1.7"], ["192.168.1.6", "192.168.1.8"]],
  ["192.168.1.7/032", ["192.168.1.7"], ["192.168.1.6"]],
  ["0.0.0.0/0", ["1.2.3.4", "255.255.255.255", "127.0.0.1", "127.0.0.2"], ["::1"]],
  ["::/0", ["::", "2001:db8::1", "::1"], ["1.2.3.4", "::ffff:1.2.3.4", "127.0.0.1", "127.0.0.2"]],
  ["::1", ["::1"], ["::2", "0.0.0.1", "127.0.0.1", "127.0.0.2"]],
  ["::1/128", ["::1"], ["::2", "::"]],
  ["2001:db8::/33", ["2001:db8:7fff::"], ["2001:db8:8000::"]],
  ["fe80::/10", ["febf::1"], ["fec0::1"]],
  // A range of IPv4-mapped addresses is a range of IPv4 addresses.
  ["::ffff:10.0.0.0/104", ["10.1.2.3", "::ffff:10.1.2.3"], ["11.0.0.1", "::1"]],
  ["::ffff:0:0/96", ["1.2.3.4", "127.0.0.1", "127.0.0.2"], ["::1"]],
  ["::ffff:10.0.0.1", ["10.0.0.1"], ["10.0.0.2", "::1"]],
  // With fewer bits it contains more than those, and so is a range of IPv6 addresses.
  ["::ffff:10.0.0.0/8", ["::1", "00ff::1"], ["10.0.0.0", "10.1.2.3", "0100::1"]],
  ["::ffff:10.0.0.0/95", ["::fffe:0:1"], ["10.1.2.3", "::1"]],
  // Addresses of this machine, for tests with real clients.
  ["127.0.0.0/8", ["127.0.0.1", "127.0.0.2"], ["::1"]],
  ["127.0.0.2/31", ["127.0.0.2"], ["127.0.0.1", "::1"]],
  ["127.0.0.1", ["127.0.0.1"], ["127.0.0.2", "::1"]],
  ["::ffff:127.0.0.0/104", ["127.0.0.1", "127.0.0.2"], ["::1"]],
  ["::ffff:127.0.0.2", ["127.0.0.2"], ["127.0.0.1", "::1"]],
  ["::ffff:127.0.0.0/8", ["::1"], ["127.0.0.1", "127.0.0.2"]],
];

/** Every combination of a range and an address. */
export const CIDR_CASES: readonly CidrCase[] = RANGES.flatMap(([range, inside, outside]) => [
  ...inside.map((address) => ({ range, address, isIn: true })),
  ...outside.map((address) => ({ range, address, isIn: false })),
]);

const NOTATION = "want ADDRESS or ADDRESS/BITS";
const IPV4_BITS = "bits must be 0 to 32";
const IPV6_BITS = "bits must be 0 to 128";
const NO_ADDRESS = "no such address";
const SLASHES = "more than one slash";

/** Ranges that are refused, and why. */
export const INVALID_CIDRS: readonly InvalidCidr[] = ([
  ["", NOTATION],
  [" ", NOTATION],
  [" 10.0.0.1", NOTATION],
  ["10.0.0.0 /8", NOTATION],
  ["/8", NOTATION],
  ["10/8", NOTATION],
  ["10.0.0/8", NOTATION],
  ["0x0a000000/8", NOTATION],
  ["010.0.0.0/8", NOTATION],
  ["010.0.0.1", NOTATION],
  ["167772160/8", NOTATION],
  ["localhost", NOTATION],
  ["10.0.0.0.0/8", NOTATION],
  ["-10.0.0.0/8", NOTATION],
  ["10.0.0.0/", IPV4_BITS],
  ["10.0.0.0/33", IPV4_BITS],
  ["10.0.0.0/-1", IPV4_BITS],
  ["10.0.0.0/+8", IPV4_BITS],
  ["10.0.0.0/ 8", IPV4_BITS],
  ["10.0.0.0/0x8", IPV4_BITS],
  ["10.0.0.0/8.0", IPV4_BITS],
  ["10.0.0.0/255.0.0.0", IPV4_BITS],
  ["::/129", IPV6_BITS],
  ["::/-1", IPV6_BITS],
  ["::ffff:10.0.0.0/129", IPV6_BITS],
  ["10.0.0.256", NO_ADDRESS],
  ["256.0.0.0/8", NO_ADDRESS],
  [":::", NO_ADDRESS],
  ["[::1]", NO_ADDRESS],
  ["1::2::3/64", NO_ADDRESS],
  ["fe80::1%lo", NO_ADDRESS],
  ["fe80::%1/64", NO_ADDRESS],
  ["::ffff:010.0.0.0/104", NO_ADDRESS],
  ["10.0.0.0/8/8", SLASHES],
  ["10.0.0.0//8", SLASHES],
  ["::/0/0", SLASHES],
] as const).map(([range, reason]) => ({ range, reason }));
