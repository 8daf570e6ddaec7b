import { answers, talk } from "../net/control_socket.ts";
import { freePort } from "../net/ports.ts";
import { listensOn } from "../net/tcp_sockets.ts";
import { until, untilStill, within } from "../t.ts";
import { exists, namesIn } from "../temp_dir.ts";
import { collect } from "./output.ts";
import { openFds, residentBytes } from "./process.ts";
import { program, SERVED_BY_WORKERS } from "./program.ts";

/** Standard input of the program. Text and bytes are written to a pipe, which is then closed. */
export type Stdin = "null" | "closed" | { text: string } | { bytes: Uint8Array<ArrayBuffer> };

/** How a process ended, and what it wrote. */
export interface Ended {
  /** Exit code; 128 + n if signal n ended it. */
  code: number;
  /** The signal that ended it, if one did. */
  signal: Deno.Signal | null;
  stdout: string;
  stderr: string;
}

/** Options of {@linkcode startBalance}. */
export interface StartOptions {
  /** @default {"null"} */
  stdin?: Stdin;
  /** `"closed"`: no descriptor 1; `"unread"`: a pipe that is not read before `readStdout()`. */
  stdout?: "read" | "unread" | "closed";
  /** `"unread"`: a pipe that is not read before `readStderr()`. */
  stderr?: "read" | "unread";
  /** Path of a module that is run instead of `main.ts`. */
  main?: string;
  /** Redirections by the shell, such as `> /dev/full`. */
  redirect?: string;
  /** A shell command that changes what the program inherits, such as `trap '' XFSZ`. */
  before?: string;
  /** Added to the environment. */
  env?: Record<string, string>;
  /** Working directory. */
  cwd?: string;
  /** Replaces `PORT` in the arguments. @default {a free one} */
  port?: number;
  /** Whether it has a session of its own, and so no terminal, even if the test has one. */
  newSession?: boolean;
  /** What stderr must match at the end. @default {empty} */
  expectStderr?: RegExp | "any";
  /** False if another process listens, because it goes to the background. @default {true} */
  ownListener?: boolean;
}

/** A running balance, stopped and checked at the end of its scope. */
export interface Balance extends AsyncDisposable {
  /** Port it listens on. */
  readonly port: number;
  readonly pid: number;
  /** The value of BALANCE_RUNDIR, a new directory, removed at the end. */
  readonly rundir: string;
  /** What it has written so far. */
  readonly stdout: string;
  readonly stdoutBytes: Uint8Array<ArrayBuffer>;
  readonly stderr: string;
  /** @returns Number of its open descriptors. */
  fds(): number;
  /** @returns Number of its open descriptors, once it has started and the number is stable. */
  quietFds(): Promise<number>;
  /** Waits until it has no more open descriptors than `count`. */
  settledFds(count: number, timeoutMs?: number): Promise<void>;
  /** @returns Its resident memory in bytes. */
  rss(): number;
  /** Settles when it has ended. */
  readonly ended: Promise<Ended>;
  /** Waits for text on stderr. @throws {Error} After `timeoutMs` (default 5000). */
  waitForStderr(pattern: RegExp, timeoutMs?: number): Promise<RegExpMatchArray>;
  /** Waits for text on stdout. @throws {Error} After `timeoutMs` (default 5000). */
  waitForStdout(pattern: RegExp, timeoutMs?: number): Promise<RegExpMatchArray>;
  /** Starts reading a stdout that was `"unread"`. */
  readStdout(): void;
  /** Starts reading a stderr that was `"unread"`. */
  readStderr(): void;
  /** Closes the reading end of stdout. */
  abandonStdout(): Promise<void>;
  /** Sends a signal (default SIGTERM) without waiting. */
  kill(signal?: Deno.Signal): void;
  /** Sends a signal (default SIGTERM) and waits for the end. May be repeated. */
  stop(signal?: Deno.Signal): Promise<Ended>;
}

/** Only bounds a hang; starting takes well below a second. */
const START_MS = 30_000;
/** Milliseconds from a signal to the end of the program. */
const STOP_MS = 5_000;
/** Warnings about what many tests do on purpose: no channel, or one that is never available. */
const EXPECTED_WARNINGS = /^balance: warning: (no channels given|.* allows no connections).*\n/gm;
/** What the program never prints when it fails in order. */
const CRASH = /Uncaught|panicked|^\s+at .*(file:|ext:|\.ts:)/m;

/**
 * Starts the program under test and waits until it listens.
 *
 * Whether it listens is read from the system's table of sockets: a connect would already count as a
 * connection. If another program took the port in the meantime, it is started again with another.
 * Control socket and data plane may be ready a moment later; see `startControlled()`.
 *
 * @param argv Its arguments. The word `PORT` is replaced by the port, e.g.
 * `["-f", "PORT", "127.0.0.1:8080"]`.
 * @throws {Error} With its stderr, if it ends before it listens, or does not listen in time.
 *
 * @example
 * ```ts ignore
 * await using backends = namedBackends(2);
 * await using balance = await startBalance(["-f", "PORT", ...backends.addresses]);
 * assertEquals(await distribution(balance.port, 4), "B0: 2, B1: 2");
 * ```
 */
export async function startBalance(
  argv: readonly string[],
  options: StartOptions = {},
): Promise<Balance> {
  if (options.port === undefined && !argv.some((word) => /\bPORT\b/.test(word))) {
    throw new TypeError(`Cannot start balance: no PORT in [${argv.join(" ")}], and none given`);
  }
  for (let attempt = 0;; attempt++) {
    const port = options.port ?? freePort();
    const balance = spawn(argv, { ...options, port });
    let ended: Ended | undefined;
    balance.ended.then((end) => ended = end);
    try {
      await until(
        () => ended || listensOn(port, options.ownListener === false ? undefined : balance.pid),
        { timeoutMs: START_MS, everyMs: 2, what: `balance to listen on port ${port}` },
      );
      // Workers start to listen one after the other; control answers when all of them do.
      if (SERVED_BY_WORKERS && options.ownListener !== false) {
        await until(() => ended !== undefined || balance.controlAnswers(), {
          timeoutMs: START_MS,
          what: "the workers of balance",
        });
      }
    } catch (error) {
      await balance.stop("SIGKILL");
      await balance.cleanUp();
      throw new Error(`${(error as Error).message}; stderr: ${balance.stderr}`);
    }
    if (ended === undefined || options.ownListener === false) return balance;
    await balance.cleanUp();
    const collision = options.port === undefined && ended.stderr.includes("can't bind") &&
      attempt < 3;
    if (!collision) {
      throw new Error(
        `balance ended before it listened: code ${ended.code}, stderr: ${ended.stderr}`,
      );
    }
  }
}

/** Options of {@linkcode runBalance}. */
export interface RunOptions
  extends Pick<StartOptions, "stdin" | "redirect" | "before" | "env" | "cwd" | "port"> {
  /** Time limit in milliseconds. @default {START_MS} */
  timeoutMs?: number;
  /** BALANCE_RUNDIR, to reach a running instance. @default {a new directory} */
  rundir?: string;
}

/**
 * Runs the program under test until it ends.
 *
 * @param argv Its arguments. The word `PORT` is replaced by `options.port` or a free one.
 * @throws {Error} With what it wrote, if it does not end in time and is killed.
 */
export async function runBalance(
  argv: readonly string[],
  options: RunOptions = {},
): Promise<Ended> {
  const { timeoutMs = START_MS, rundir } = options;
  const balance = spawn(argv, {
    ...options,
    port: options.port ?? freePort(),
    ...(rundir === undefined ? {} : { env: { BALANCE_RUNDIR: rundir, ...options.env } }),
  });
  try {
    return await within(balance.ended, {
      timeoutMs,
      what: `balance ${argv.join(" ")} to end`,
    });
  } catch (error) {
    const { stdout, stderr } = await balance.stop("SIGKILL");
    throw new Error(`${(error as Error).message}; stdout: ${stdout}; stderr: ${stderr}`);
  } finally {
    await balance.cleanUp();
  }
}

/** Path of the control socket, whatever the address of the listener. */
function findControlSocket(rundir: string, port: number): string | undefined {
  // The program makes the directory after it has bound the port.
  if (!exists(rundir)) return undefined;
  const name = namesIn(rundir).find((name) => name.startsWith(`balance.${port}.`));
  return name && `${rundir}/${name}`;
}

function spawn(
  argv: readonly string[],
  options: StartOptions & { port: number },
): Balance & { controlAnswers(): Promise<boolean>; cleanUp(): Promise<void> } {
  const { port, stdin = "null", stdout = "read" } = options;
  const { command, args } = redirected(program({ cachedOnly: true, argv, main: options.main }), [
    stdin === "closed" ? "<&-" : "",
    stdout === "closed" ? ">&-" : "",
    options.redirect ?? "",
  ], options.before);
  const rundir = Deno.makeTempDirSync({ prefix: "balance-test-" });
  const piped = typeof stdin === "object";
  const child = new Deno.Command(command, {
    args: [...args, ...argv.map((word) => word.replaceAll(/\bPORT\b/g, String(port)))],
    env: {
      BALANCE_RUNDIR: rundir,
      DENO_NO_UPDATE_CHECK: "1",
      NO_COLOR: "1",
      ...options.env,
    },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    detached: options.newSession ?? false,
    stdin: piped ? "piped" : "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();

  const readingOut = Promise.withResolvers<void>(), readingErr = Promise.withResolvers<void>();
  if (stdout !== "unread") readingOut.resolve();
  if (options.stderr !== "unread") readingErr.resolve();
  const out = collect(child.stdout, { start: readingOut.promise });
  const err = collect(child.stderr, { start: readingErr.promise });
  const fed = piped ? feed(child.stdin, stdin) : Promise.resolve();
  let running = true;
  async function wait(): Promise<Ended> {
    const { code, signal } = await child.status;
    running = false;
    readingOut.resolve();
    readingErr.resolve();
    await Promise.all([out.ended, err.ended, fed]);
    return { code, signal, stdout: out.text(), stderr: err.text() };
  }
  const ended = wait();

  function kill(signal: Deno.Signal = "SIGTERM"): void {
    if (running) child.kill(signal);
  }

  async function stop(signal: Deno.Signal = "SIGTERM"): Promise<Ended> {
    kill(signal);
    // It may be blocked in a write to a pipe that has not been read so far.
    readingOut.resolve();
    readingErr.resolve();
    try {
      return await within(ended, { timeoutMs: STOP_MS, what: `balance to end after ${signal}` });
    } catch (error) {
      kill("SIGKILL");
      await ended;
      throw error;
    }
  }

  const fds = () => openFds(child.pid);
  const controlSocket = () => findControlSocket(options.env?.BALANCE_RUNDIR ?? rundir, port);

  async function controlAnswers(): Promise<boolean> {
    const socket = controlSocket();
    return socket !== undefined && await answers(socket);
  }

  async function quietFds(): Promise<number> {
    // The control socket is opened last. After `talk()` the program has closed its end of it.
    await until(controlAnswers, { timeoutMs: START_MS, what: "the control socket" });
    await talk(controlSocket()!, "version\n");
    return await untilStill(fds, { looks: 10, everyMs: 5, what: "the descriptors" });
  }

  async function cleanUp(): Promise<void> {
    await ended;
    await Deno.remove(rundir, { recursive: true });
  }

  async function dispose(): Promise<void> {
    try {
      const stderr = (await stop()).stderr.replaceAll(EXPECTED_WARNINGS, "");
      const { expectStderr } = options;
      if (CRASH.test(stderr)) throw new Error(`balance crashed: ${stderr}`);
      if (expectStderr === undefined && stderr !== "") {
        throw new Error(`balance wrote to stderr: ${stderr}`);
      }
      if (expectStderr instanceof RegExp && !expectStderr.test(stderr)) {
        throw new Error(`balance's stderr does not match ${expectStderr}: ${stderr}`);
      }
    } finally {
      await cleanUp();
    }
  }

  return {
    port,
    pid: child.pid,
    rundir,
    get stdout() {
      return out.text();
    },
    get stdoutBytes() {
      return out.bytes();
    },
    get stderr() {
      return err.text();
    },
    fds,
    quietFds,
    async settledFds(count, timeoutMs = 5000) {
      await until(() => fds() <= count, {
        timeoutMs,
        what: () => `${fds()} descriptors to become ${count}`,
      });
    },
    rss: () => residentBytes(child.pid),
    ended,
    waitForStderr: (pattern, timeoutMs = 5000) =>
      until(() => err.text().match(pattern), {
        timeoutMs,
        what: () => `${pattern} on stderr: ${err.text()}`,
      }),
    waitForStdout: (pattern, timeoutMs = 5000) =>
      until(() => out.text().match(pattern), {
        timeoutMs,
        what: () => `${pattern} on stdout: ${out.text()}`,
      }),
    readStdout: () => readingOut.resolve(),
    readStderr: () => readingErr.resolve(),
    abandonStdout: () => out.abandon(),
    kill,
    stop,
    controlAnswers,
    cleanUp,
    [Symbol.asyncDispose]: dispose,
  };
}

/** Only a shell can redirect or close descriptors; the shell then becomes the program. */
function redirected(
  program: { command: string; args: string[] },
  redirections: readonly string[],
  before = ":",
): { command: string; args: string[] } {
  const redirect = redirections.filter((each) => each !== "").join(" ");
  if (redirect === "" && before === ":") return program;
  return {
    command: "/bin/sh",
    args: ["-c", `${before}; exec "$@" ${redirect}`, "sh", program.command, ...program.args],
  };
}

async function feed(
  stream: WritableStream<Uint8Array>,
  input: { text: string } | { bytes: Uint8Array<ArrayBuffer> },
): Promise<void> {
  const writer = stream.getWriter();
  try {
    await writer.write("text" in input ? new TextEncoder().encode(input.text) : input.bytes);
    await writer.close();
  } catch (error) {
    // A program may end without reading its input; the test checks its exit code.
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
  }
}
