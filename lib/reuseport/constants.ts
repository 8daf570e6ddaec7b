/**
 * Numbers of the Linux system interface, equal on x86-64 and aarch64. Names are those of the manual
 * pages, whose section is given for each group.
 */

/** socket(2), ip(7), ipv6(7) */
export const AF_INET = 2, AF_INET6 = 10;
/** socket(2): `SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC` */
export const SOCKET_TYPE = 1 | 0o4000 | 0o2000000;
/** socket(7) */
export const SOL_SOCKET = 1, SO_REUSEADDR = 2, SO_REUSEPORT = 15;
export const SO_ACCEPTCONN = 30, SO_ATTACH_REUSEPORT_CBPF = 51, SO_DETACH_REUSEPORT_BPF = 68;
/** tcp(7) */
export const IPPROTO_TCP = 6, TCP_INFO = 11;
/** ip(7) */
export const IPPROTO_IP = 0, IP_MINTTL = 21;
/** ipv6(7); the kernel's linux/in6.h */
export const IPPROTO_IPV6 = 41, IPV6_V6ONLY = 26, IPV6_MINHOPCOUNT = 73;
/** ip(7), ipv6(7) */
export const IP_FREEBIND = 15, IPV6_FREEBIND = 78;
