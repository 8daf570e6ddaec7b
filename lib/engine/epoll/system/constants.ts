/**
 * Numbers of the Linux system interface, equal on x86-64 and aarch64, besides those of
 * lib/socket/constants.ts. Names are those of the manual pages, whose section is given for each group.
 */

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
