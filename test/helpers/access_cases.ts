/** Access lists, and what they decide about an address. */

/** What two lists decide about an address. */
export interface AccessCase {
  readonly allow: readonly string[];
  readonly deny: readonly string[];
  readonly address: string;
  readonly verdict: "allow" | "deny" | undefined;
  /** The range that decides. */
  readonly by: string | undefined;
}

type Decision = readonly [address: string, verdict: "allow" | "deny" | undefined, by?: string];

const LISTS: readonly (readonly [allow: string[], deny: string[], decisions: Decision[]])[] = [
  [[], [], [["10.0.0.1", undefined], ["::1", undefined]]],
  [["0.0.0.0/0"], [], [
    ["0.0.0.0", "allow", "0.0.0.0/0"],
    ["255.255.255.255", "allow", "0.0.0.0/0"],
    ["::1", undefined],
  ]],
  [[], ["::/0"], [
    ["::", "deny", "::/0"],
    ["ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "deny", "::/0"],
    ["1.2.3.4", undefined],
    ["::ffff:1.2.3.4", undefined],
  ]],
  [["0.0.0.0/0", "::/0"], ["127.0.0.2", "::1"], [
    ["127.0.0.2", "deny", "127.0.0.2/32"],
    ["127.0.0.1", "allow", "0.0.0.0/0"],
    ["127.0.0.3", "allow", "0.0.0.0/0"],
    ["::1", "deny", "::1/128"],
    ["::2", "allow", "::/0"],
    ["::", "allow", "::/0"],
  ]],
  // Each level decides the other way than the one around it.
  [["10.0.0.0/8", "10.1.2.0/24"], ["10.1.0.0/16", "10.1.2.3"], [
    ["10.0.0.1", "allow", "10.0.0.0/8"],
    ["10.1.0.0", "deny", "10.1.0.0/16"],
    ["10.1.1.255", "deny", "10.1.0.0/16"],
    ["10.1.2.0", "allow", "10.1.2.0/24"],
    ["10.1.2.2", "allow", "10.1.2.0/24"],
    ["10.1.2.3", "deny", "10.1.2.3/32"],
    ["10.1.2.4", "allow", "10.1.2.0/24"],
    ["10.1.3.0", "deny", "10.1.0.0/16"],
    ["10.2.0.0", "allow", "10.0.0.0/8"],
    ["9.255.255.255", undefined],
    ["11.0.0.0", undefined],
  ]],
  [["2001:db8::/32", "2001:db8:0:1::/64"], ["2001:db8::/48", "2001:db8:0:1::7"], [
    ["2001:db8:1::", "allow", "2001:db8::/32"],
    ["2001:db8::1", "deny", "2001:db8::/48"],
    ["2001:db8:0:1::6", "allow", "2001:db8:0:1::/64"],
    ["2001:db8:0:1::7", "deny", "2001:db8:0:1::7/128"],
    ["2001:db8:0:1::8", "allow", "2001:db8:0:1::/64"],
    ["2001:db8:0:2::", "deny", "2001:db8::/48"],
    ["2001:db9::", undefined],
  ]],
  // The same range in both lists, in different spellings.
  [["10.1.2.3/8", "::1"], ["10.0.0.0/8", "0:0::1/128"], [
    ["10.9.9.9", "deny", "10.0.0.0/8"],
    ["::1", "deny", "::1/128"],
  ]],
  [["10.0.0.0/8"], ["0.0.0.0/0"], [["10.1.1.1", "allow", "10.0.0.0/8"], [
    "11.1.1.1",
    "deny",
    "0.0.0.0/0",
  ]]],
  // IPv4-mapped ranges and addresses count as IPv4.
  [["::ffff:192.0.2.0/120"], ["::ffff:0:0/96"], [
    ["192.0.2.9", "allow", "192.0.2.0/24"],
    ["::ffff:192.0.2.9", "allow", "192.0.2.0/24"],
    ["192.0.3.9", "deny", "0.0.0.0/0"],
    ["::1", undefined],
  ]],
  // Ranges at both ends of the address space, and next to each other.
  [["0.0.0.0", "255.255.255.255"], ["0.0.0.1", "255.255.255.254/31"], [
    ["0.0.0.0", "allow", "0.0.0.0/32"],
    ["0.0.0.1", "deny", "0.0.0.1/32"],
    ["0.0.0.2", undefined],
    ["255.255.255.253", undefined],
    ["255.255.255.254", "deny", "255.255.255.254/31"],
    ["255.255.255.255", "allow", "255.255.255.255/32"],
  ]],
  [["192.0.2.0/25"], ["192.0.2.128/25"], [
    ["192.0.2.127", "allow", "192.0.2.0/25"],
    ["192.0.2.128", "deny", "192.0.2.128/25"],
  ]],
  // A link-local client has a scope, which does not count.
  [[], ["fe80::/10"], [["fe80::1%eth0", "deny", "fe80::/10"]]],
  [[], ["0.0.0.0/0", "::/0"], [["-", undefined], ["", undefined]]],
];

/** Every combination of lists and an address. */
export const ACCESS_CASES: readonly AccessCase[] = LISTS.flatMap(([allow, deny, decisions]) =>
  decisions.map(([address, verdict, by]) => ({ allow, deny, address, verdict, by }))
);
