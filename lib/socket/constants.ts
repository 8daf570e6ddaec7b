/**
 * Numbers of the Linux system interface for sockets, equal on x86-64 and aarch64. Names are those of
 * the manual pages, whose section is given for each group.
 */

/** socket(2), ip(7), ipv6(7) */
export const AF_INET = 2, AF_INET6 = 10;
/** socket(2): `SOCK_STREAM` */
export const SOCK_STREAM = 1;
/** socket(2), accept4(2): `SOCK_NONBLOCK | SOCK_CLOEXEC` */
export const SOCKET_FLAGS = 0o4000 | 0o2000000;

/** socket(7) */
export const SOL_SOCKET = 1;
export const SO_REUSEADDR = 2, SO_ERROR = 4, SO_KEEPALIVE = 9, SO_LINGER = 13, SO_REUSEPORT = 15;
export const SO_ACCEPTCONN = 30, SO_ATTACH_REUSEPORT_CBPF = 51, SO_DETACH_REUSEPORT_BPF = 68;
/** tcp(7) */
export const IPPROTO_TCP = 6, TCP_NODELAY = 1, TCP_INFO = 11;
/** ip(7) */
export const IPPROTO_IP = 0, IP_FREEBIND = 15, IP_MINTTL = 21, IP_BIND_ADDRESS_NO_PORT = 24;
/** ipv6(7); `IPV6_MINHOPCOUNT` is in the kernel's linux/in6.h */
export const IPPROTO_IPV6 = 41, IPV6_V6ONLY = 26, IPV6_MINHOPCOUNT = 73, IPV6_FREEBIND = 78;
