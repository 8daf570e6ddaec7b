// backend PORT: the backend of every contender, designed to cost as little as possible.
//
// One thread, one epoll set, loopback only. It answers four requests, each short enough to arrive
// in one piece; it ignores the rest of the request line and all headers:
//   GET /        sends 200 bytes; the connection stays open
//   GET /close   sends 200 bytes, then closes
//   GET /N       sends a header of 200 bytes, then N bytes
//   PUT /N       receives N bytes (discarded without a copy), then sends 200 bytes
// N is decimal. Prints "ready" when it listens. Runs until it is killed.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

// BLOCK: bytes of one write. This size stays in the CPU cache; of 16 KiB to 1 MiB it was cheapest.
enum { ANSWER = 200, FDS = 1 << 17, BLOCK = 128 << 10, SKIP = 1 << 20 };

static struct { long send, take; } state[FDS]; // bytes left to send and to receive, by descriptor
static char answer_open[ANSWER], answer_close[ANSWER];
static char buffer[65536], block[BLOCK];
static int epoll;

// An answer has exactly ANSWER bytes, so that a client does not have to parse it.
static void make_answer(char *to, const char *connection) {
  memset(to, 'a', ANSWER);
  int n = sprintf(to, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: %s\r\n", connection);
  n += sprintf(to + n, "Content-Length: %3d\r\n\r\n", ANSWER - n - 23);
  to[n] = 'a';
}

static void watch(int fd, int how, unsigned events) {
  struct epoll_event e = {events, {.fd = fd}};
  epoll_ctl(epoll, how, fd, &e);
}

// Sends the rest of a bulk answer; EPOLLOUT continues it. Returns -1 if the peer is gone.
static int pump(int fd) {
  while (state[fd].send > 0) {
    ssize_t n = write(fd, block, state[fd].send < BLOCK ? (size_t)state[fd].send : BLOCK);
    if (n < 0) return errno == EAGAIN ? (watch(fd, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT), 0) : -1;
    state[fd].send -= n;
  }
  watch(fd, EPOLL_CTL_MOD, EPOLLIN);
  return 0;
}

// Discards body bytes of a PUT, and answers after the last one. Returns -1 at the end of input.
static int take(int fd) {
  while (state[fd].take > 0) {
    size_t want = state[fd].take < SKIP ? (size_t)state[fd].take : SKIP;
    ssize_t n = recv(fd, NULL, want, MSG_TRUNC);
    if (n <= 0) return n < 0 && errno == EAGAIN ? 0 : -1;
    state[fd].take -= n;
  }
  return write(fd, answer_open, ANSWER) == ANSWER ? 0 : -1;
}

// Handles a readable connection. Returns 1 after a request, 0 if it is incomplete, -1 to close.
static int serve(int fd) {
  if (state[fd].take > 0) return take(fd) < 0 ? -1 : 1;
  ssize_t n = read(fd, buffer, sizeof buffer - 1);
  if (n <= 0) return n < 0 && errno == EAGAIN ? 0 : -1;
  buffer[n] = 0;
  if (!memcmp(buffer, "GET / ", 6)) return write(fd, answer_open, ANSWER) == ANSWER ? 1 : -1;
  if (!memcmp(buffer, "GET /close ", 11)) return write(fd, answer_close, ANSWER), -1;
  if (!memcmp(buffer, "GET /", 5)) {
    state[fd].send = atol(buffer + 5);
    return write(fd, answer_open, ANSWER) == ANSWER && pump(fd) == 0 ? 1 : -1;
  }
  char *body = strstr(buffer, "\r\n\r\n");
  if (memcmp(buffer, "PUT /", 5) || !body) return -1;
  state[fd].take = atol(buffer + 5) - (n - (body + 4 - buffer));
  return take(fd) < 0 ? -1 : 1;
}

int main(int argc, char **argv) {
  signal(SIGPIPE, SIG_IGN);
  if (argc != 2) return fputs("usage: backend PORT\n", stderr), 64;
  make_answer(answer_open, "keep-alive");
  make_answer(answer_close, "close");
  int one = 1, seconds = 10, listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one); // accepted sockets inherit it
  // One wake-up for each connection: with its first request, not before.
  setsockopt(listener, IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds, sizeof seconds);
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1]))};
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(listener, (void *)&at, sizeof at) || listen(listener, 4096)) return perror("listen"), 1;
  epoll = epoll_create1(0);
  watch(listener, EPOLL_CTL_ADD, EPOLLIN);
  puts("ready");
  fflush(stdout);

  for (struct epoll_event ready[256];;) {
    int n = epoll_wait(epoll, ready, 256, -1);
    for (int i = 0; i < n; i++) {
      int fd = ready[i].data.fd;
      if (fd != listener) {
        if ((ready[i].events & EPOLLOUT && pump(fd) < 0) || serve(fd) < 0) close(fd);
        continue;
      }
      while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        if (fd >= FDS) { close(fd); continue; }
        state[fd].send = state[fd].take = 0;
        watch(fd, EPOLL_CTL_ADD, EPOLLIN);
        if (serve(fd) < 0) close(fd);
      }
    }
  }
}
