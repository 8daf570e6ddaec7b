// load KIND PORT CONNECTIONS SECONDS [RATE]: the load generator, one thread, one epoll set.
//
// KIND is one of
//   request     keep-alive: each connection sends a request after each answer (closed loop)
//   connection  connect, request, read to the end, close; then the next one (closed loop)
//   down, up    blocks of 64 MiB, one after the other, from or to the backend
//   latency     RATE requests per second over all connections in turn, each sent at its scheduled
//               time even if earlier ones are pending (open loop). Delays count from the schedule,
//               so a stall shows in every request it delayed. The first fifth is a warm-up: at its
//               end the line "measuring" is printed, and only what follows counts, in every value
//               but "errors". At the end the connections stay open until stdin ends, so that a
//               reader of CPU times sees neither opening nor closing.
// Prints one line of JSON: {"count","bytes","seconds","errors","p50","p99","worst"}; delays in
// microseconds. "count" has completed units only (blocks for down and up).
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { ANSWER = 200, FDS = 1 << 16, STEP = 128 << 10, SKIP = 1 << 20 };
#define BULK (64L << 20)
#define HEADERS " HTTP/1.1\r\nHost: bench\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n"

static const char ask_open[] = "GET /" HEADERS, ask_close[] = "GET /close" HEADERS;
// By descriptor: bytes of the answer so far, request not sent yet, scheduled time of the request.
static struct { int got, waiting; double due; } state[FDS];
static struct sockaddr_in target = {.sin_family = AF_INET};
static char block[STEP];
static int epoll;
static long count, bytes, errors;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

static void watch(int fd, int how, unsigned events) {
  struct epoll_event e = {events | EPOLLIN | EPOLLRDHUP, {.fd = fd}};
  epoll_ctl(epoll, how, fd, &e);
}

static int dial(int type) {
  int one = 1, fd = socket(AF_INET, SOCK_STREAM | type, 0);
  struct timeval limit = {10, 0}; // if blocking: a stuck contender is an error, not a hang
  if (fd < 0 || fd >= FDS) perror("socket"), exit(1);
  if (!type) setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  if (!type) setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (connect(fd, (void *)&target, sizeof target) && errno != EINPROGRESS) perror("connect"), exit(1);
  state[fd].got = state[fd].waiting = 0;
  return fd;
}

static void ask(int fd, const char *text, size_t length) {
  ssize_t n = write(fd, text, length);
  state[fd].waiting = n < 0 && errno == EAGAIN;
  if (n != (ssize_t)length && !state[fd].waiting) errors++;
}

// Connects and sends a request. On loopback, connect() establishes the connection before it returns,
// even if nonblocking; only with a full accept queue the request has to wait for EPOLLOUT.
static void dial_and_ask(const char *text, size_t length) {
  int fd = dial(SOCK_NONBLOCK);
  ask(fd, text, length);
  watch(fd, EPOLL_CTL_ADD, state[fd].waiting ? EPOLLOUT : 0);
}

// The kinds request and, with `close_each`, connection.
static void closed_loop(int connections, double until, int close_each) {
  const char *text = close_each ? ask_close : ask_open;
  size_t length = close_each ? sizeof ask_close - 1 : sizeof ask_open - 1;
  char buffer[4096];
  for (int i = 0; i < connections; i++) dial_and_ask(text, length);
  for (struct epoll_event ready[64]; now() < until;) {
    int n = epoll_wait(epoll, ready, 64, 100);
    for (int i = 0; i < n; i++) {
      int fd = ready[i].data.fd;
      if (state[fd].waiting && !(ready[i].events & EPOLLIN)) {
        ask(fd, text, length);
        watch(fd, EPOLL_CTL_MOD, 0);
        continue;
      }
      ssize_t got = read(fd, buffer, sizeof buffer);
      if (got > 0) state[fd].got += got, bytes += got;
      int ended = got == 0 || (got < 0 && errno != EAGAIN);
      // The event already reports the end: no need to read it as well.
      if (close_each && got > 0 && ready[i].events & EPOLLRDHUP && state[fd].got == ANSWER) ended = 1;
      if (state[fd].got == ANSWER && (!close_each || ended)) count++;
      else if (ended || state[fd].got > ANSWER) errors++, ended = 1;
      else continue;
      state[fd].got = 0;
      if (ended) close(fd), dial_and_ask(text, length);
      else ask(fd, text, length);
    }
  }
}

// Reads exactly `want` bytes without copying them.
static int skip(int fd, long want) {
  while (want > 0) {
    ssize_t n = recv(fd, NULL, want < SKIP ? (size_t)want : SKIP, MSG_TRUNC);
    if (n <= 0) return -1;
    want -= n;
  }
  return 0;
}

static int one_block(int fd, int up) {
  char text[200];
  ask(fd, text, sprintf(text, "%s /%ld" HEADERS, up ? "PUT" : "GET", BULK));
  if (!up) return skip(fd, ANSWER + BULK);
  for (long left = BULK; left > 0;) {
    ssize_t n = write(fd, block, left < STEP ? (size_t)left : STEP);
    if (n <= 0) return -1;
    left -= n;
  }
  return skip(fd, ANSWER);
}

static void bulk(double until, int up) {
  int fd = dial(0);
  do {
    if (one_block(fd, up)) { errors++; return; }
    count++, bytes += BULK;
  } while (now() < until);
}

static int by_size(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double *delays;
static long delay_count;

// The reader of "measuring" may disturb the first requests after it: their delays do not count.
#define DISTURBED 0.05

// Returns the time at which the warm-up ended.
static double open_loop(int connections, double seconds, double rate) {
  static int idle[FDS]; // a ring: every connection gets its turn, also at a low rate
  unsigned first = 0, idle_count = 0;
  char buffer[4096];
  delays = malloc(sizeof *delays * (size_t)(rate * seconds + 10));
  prctl(PR_SET_TIMERSLACK, 1);
  for (int i = 0; i < connections; i++) {
    int fd = idle[idle_count++] = dial(0);
    watch(fd, EPOLL_CTL_ADD, 0);
  }
  double start = now(), measured = 0;
  for (long sent = 0;;) {
    double t = now();
    if (!measured && t >= start + seconds / 5) {
      measured = t, count = bytes = 0;
      puts("measuring"), fflush(stdout);
    }
    if (t > start + seconds) return measured;
    for (double due; idle_count > 0 && (due = start + sent / rate) <= t; sent++, idle_count--) {
      int fd = idle[first++ % FDS];
      state[fd].due = due;
      ask(fd, ask_open, sizeof ask_open - 1);
    }
    double wait = start + sent / rate - now();
    if (idle_count == 0 || wait > 0.01) wait = 0.01;
    struct timespec limit = {0, wait > 0 ? (long)(wait * 1e9) : 0};
    struct pollfd any = {epoll, POLLIN, 0};
    if (ppoll(&any, 1, &limit, NULL) <= 0) continue;
    struct epoll_event ready[64];
    int n = epoll_wait(epoll, ready, 64, 0);
    double end = now();
    for (int i = 0; i < n; i++) {
      int fd = ready[i].data.fd;
      ssize_t got = read(fd, buffer, sizeof buffer);
      if (got <= 0) { errors++, close(fd); continue; }
      bytes += got;
      if ((state[fd].got += got) < ANSWER) continue;
      state[fd].got = 0, count++;
      if (measured && state[fd].due > measured + DISTURBED) delays[delay_count++] = end - state[fd].due;
      idle[(first + idle_count++) % FDS] = fd;
    }
  }
}

static double quantile(double q) {
  return delay_count ? delays[(long)((delay_count - 1) * q)] * 1e6 : 0;
}

int main(int argc, char **argv) {
  signal(SIGPIPE, SIG_IGN);
  if (argc < 5) return fputs("usage: load KIND PORT CONNECTIONS SECONDS [RATE]\n", stderr), 64;
  const char *kind = argv[1];
  int connections = atoi(argv[3]);
  double seconds = atof(argv[4]);
  target.sin_port = htons(atoi(argv[2]));
  target.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  epoll = epoll_create1(0);
  int open = !strcmp(kind, "latency");
  double start = now();
  if (!strcmp(kind, "request")) closed_loop(connections, start + seconds, 0);
  else if (!strcmp(kind, "connection")) closed_loop(connections, start + seconds, 1);
  else if (!strcmp(kind, "down")) bulk(start + seconds, 0);
  else if (!strcmp(kind, "up")) bulk(start + seconds, 1);
  else if (open) start = open_loop(connections, seconds, argc > 5 ? atof(argv[5]) : 1000);
  else return fputs("load: unknown KIND\n", stderr), 64;
  double took = now() - start;
  if (delay_count) qsort(delays, delay_count, sizeof *delays, by_size);
  printf("{\"count\":%ld,\"bytes\":%ld,\"seconds\":%.6f,\"errors\":%ld,\"p50\":%.1f,\"p99\":%.1f,\"worst\":%.1f}\n",
         count, bytes, took, errors, quantile(0.5), quantile(0.99), quantile(1));
  fflush(stdout);
  if (open) while (read(0, block, sizeof block) > 0) {}
}
