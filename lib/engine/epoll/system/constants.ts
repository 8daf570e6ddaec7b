/**
 * Numbers of the Linux system interface, equal on x86-64 and aarch64. Names are those of the manual
 * pages, whose section is given for each group.
 */

/** socket(2), ip(7), ipv6(7) */
export const AF_INET = 2, AF_INET6 = 10;
/** socket(2), accept4(2): `SOCK_NONBLOCK | SOCK_CLOEXEC` */
export const SOCKET_FLAGS = 0o4000 | 0o2000000;
/** socket(2): `SOCK_STREAM` */
export const SOCK_STREAM = 1;

/** socket(7) */
export const SOL_SOCKET = 1;
export const SO_REUSEADDR = 2, SO_ERROR = 4, SO_KEEPALIVE = 9, SO_LINGER = 13, SO_REUSEPORT = 15;
/** tcp(7) */
export const IPPROTO_TCP = 6, TCP_NODELAY = 1;
/** ip(7) */
export const IPPROTO_IP = 0, IP_FREEBIND = 15, IP_BIND_ADDRESS_NO_PORT = 24;
/** ipv6(7) */
export const IPPROTO_IPV6 = 41, IPV6_V6ONLY = 26, IPV6_FREEBIND = 78;

/** recv(2), send(2) */
export const MSG_PEEK = 2, MSG_NOSIGNAL = 0x4000;
/** shutdown(2) */
export const SHUT_WR = 1;

/** epoll_create1(2), eventfd(2): `EPOLL_CLOEXEC`, `EFD_CLOEXEC | EFD_NONBLOCK` */
export const EPOLL_CLOEXEC = 0o2000000, EVENTFD_FLAGS = 0o2004000;
/** epoll_ctl(2): operations */
export const EPOLL_CTL_ADD = 1, EPOLL_CTL_DEL = 2;
/** epoll_ctl(2): events */
export const EPOLLIN = 1, EPOLLPRI = 2, EPOLLOUT = 4, EPOLLERR = 8, EPOLLHUP = 16;
export const EPOLLRDHUP = 0x2000, EPOLLEXCLUSIVE = 1 << 28, EPOLLET = 1 << 31;

/** pipe(2): `O_NONBLOCK | O_CLOEXEC` */
export const PIPE_FLAGS = 0o4000 | 0o2000000;
/** fcntl(2) */
export const F_SETPIPE_SZ = 1031, F_GETPIPE_SZ = 1032;
/** splice(2): `SPLICE_F_MOVE | SPLICE_F_NONBLOCK` */
export const SPLICE_FLAGS = 1 | 2;

/** errno(3) */
export const EPERM = 1, EINTR = 4, EAGAIN = 11, EINVAL = 22, ENOSYS = 38;
export const EADDRINUSE = 98, EADDRNOTAVAIL = 99, EINPROGRESS = 115;
export const EPIPE = 32, ECONNRESET = 104, ETIMEDOUT = 110, EHOSTUNREACH = 113;
