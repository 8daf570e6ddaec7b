/**
 * balance: a TCP proxy and load balancer. `deno task balance --help` prints its options.
 *
 * This file is the entry point of the program, `lib/workers/worker.ts` that of its worker threads.
 * These are the folders of `lib/`, bottom up. A file imports only from its own folder and from
 * folders listed before it; only `lib/engine/engines.ts` and
 * `lib/check/probes/open.ts` also import from `lib/engine/deno/`, and only the first of them from
 * `lib/engine/epoll/`:
 *
 * - `lib/base/`: errors, limits, byte and time helpers, and the types that all other folders share
 * - `lib/address/`: parses and resolves addresses, ports, CIDR blocks and channel specs
 * - `lib/access/`: which of many address ranges decides about an address, in shared memory
 * - `lib/proxy_protocol/`: PROXY headers, which name the client of a proxy
 * - `lib/native/`: calls of the C library: signals, starting a daemon, sockets, local time
 * - `lib/socket/`: constants and addresses for socket calls of Linux; connects of health checks
 * - `lib/reuseport/`: which of several listening sockets at one address gets new connections (Linux)
 * - `lib/system/`: signals, stdout and stderr, syslog, service manager, limits, Unix sockets
 * - `lib/dns/`: asks DNS for SRV records and times to live
 * - `lib/table/`: groups and channels in shared memory
 * - `lib/engine/`: the interface for listening, dialing and relaying, and its failures
 * - `lib/schedule/`: how a channel is chosen and claimed, and what failed connects mean for it
 * - `lib/wait_line/`: clients that wait for a channel, in order over all workers
 * - `lib/engine/deno/`: the engine on Deno's sockets, which two files import, see above
 * - `lib/engine/epoll/system/`: system calls of Linux, their structures and errors
 * - `lib/engine/epoll/loop/`: the event loop of an isolate, and how it shares it with the runtime
 * - `lib/engine/epoll/`: the engine on epoll and splice of Linux, which one file imports
 * - `lib/check/`: health checks: how they are written, their settings and results
 * - `lib/check/probes/`: probes a backend once: TCP, HTTP, dialogues, programs, agents
 * - `lib/timing/`: the clock that connections share, and turns of the event loop
 * - `lib/admission/`: who may connect, and how often
 * - `lib/connection/`: one connection from accept to close, with its timeouts
 * - `lib/connection/accept/`: the accept loop, and clients that are refused or send a PROXY header first
 * - `lib/dump/formats/`: the formats of the packet dump: text, hex, JSON, pcapng
 * - `lib/dump/match/`: regular expressions over bytes, searched in linear time
 * - `lib/dump/`: the packet dump: filters, records, files and their rotation
 * - `lib/config_file/`: reads configuration files, and names their lines in errors
 * - `lib/access/lists/`: reads lists of address ranges, from options and files
 * - `lib/cli/`: the command line: options, usage, shell completions
 * - `lib/health/`: checks all channels periodically and decides which are up
 * - `lib/state/`: what operators changed: recorded, saved, applied at the next start
 * - `lib/report/http/`: the HTTP server of the metrics, with bounded connections
 * - `lib/report/pages/`: renders pages in pieces and keeps them for a moment
 * - `lib/report/`: access log, metrics, health check, statistics
 * - `lib/control/terminal/`: keys, line editor and history of the interactive shell
 * - `lib/control/text/`: words of commands, tables of answers
 * - `lib/control/top/`: the display of `top`
 * - `lib/control/commands/`: the commands of the control socket
 * - `lib/channel_set/`: the channels that should exist, and how the table gets them
 * - `lib/names/`: resolves and follows the names of channels, also `NAME*` and SRV records
 * - `lib/control/`: the control socket, its server and client
 * - `lib/control/shell/`: the commands of `-c` and the interactive shell of `-i`
 * - `lib/workers/`: serves connections in this thread or in several worker threads
 * - `lib/takeover/`: a successor takes over the running program without a lost connection
 * - `lib/reload/`: reads the configuration again while balance runs
 * - `lib/service/`: the running balancer: start, reports, dump, shutdown
 * - `lib/start_test/`: finds out whether a start would succeed (`--test`)
 * - `lib/process/`: runs a command line: modes, foreground, background
 *
 * Besides these:
 *
 * - `scripts/`: compile, benchmark, demo, packaging, release checks; not part of the program
 * - `test/`: `unit/` mirrors `lib/`, `golden/` compares with recordings of balance 3.35, `e2e/`
 *   runs the program, `faults/` tests it under faults and load, `helpers/` has what the tests share
 * - `dist/balance`: the executable that `deno task compile` makes
 *
 * `deno task check` verifies this list and the direction of imports (`scripts/check_floors.ts`).
 *
 * @module
 */

import { NAME } from "./lib/base/version.ts";
import { prepareProcess } from "./lib/native/process.ts";

if (import.meta.main) {
  prepareProcess(NAME, Deno.args);
  // Loaded after that: half a second after the start of Deno, SIGUSR1 would open a debugger.
  const { run } = await import("./lib/process/run.ts");
  Deno.exit(await run(Deno.args));
}
