import { cLibraries, type Machine } from "../native/c_library.ts";

/**
 * Makes V8 collect garbage earlier. By default, it keeps several times the memory in use after a
 * burst of connections.
 */
export const MEMORY_FLAGS = "--v8-flags=--max-semi-space-size=3,--heap-growing-percent=15";

/** The variables that name paths. */
export const PATH_VARIABLES = [
  "BALANCE_RUNDIR",
  "BALANCE_SYSLOG",
  "XDG_RUNTIME_DIR",
  "NOTIFY_SOCKET",
] as const;

/** The variables of sd_listen_fds(3): the number of sockets, and the process that gets them. */
export const ACTIVATION_VARIABLES = ["LISTEN_FDS", "LISTEN_PID"] as const;

/** Names the socket on which a parent waits for the result of its background process. */
export const REPORT_VARIABLE = "BALANCE_REPORT_TO";

/**
 * All permissions of the program on a platform; it never prompts for more.
 *
 * - `net`: listening, dialing, resolving; in Deno 2.9 also Unix sockets.
 * - `read`, `write` without a list: the user chooses the paths of control socket, dump and log.
 * - `env`: run directory, syslog socket, socket of the service manager, socket of the parent,
 *   sockets of a socket unit, directory of the history of the shell, terminal type for colors, where `exec` checks find
 *   programs.
 * - `sys`: the user ID, to check who owns the run directory, and the umask, for the mode of
 *   sockets; Deno 2.9 has no narrower permission for the umask.
 * - `ffi`: the C library at its absolute paths; revoked right after start (c_library.ts).
 * - `run`: any program, for `exec` checks; given up at the start unless there is one on the command
 *   line (exec_permission.ts). The parent of a background process keeps it until it ends: it starts
 *   this executable where the C library cannot do it.
 */
export function permissionFlags(machine?: Machine): string[] {
  return [
    "--no-prompt",
    "--allow-net",
    "--allow-read",
    "--allow-write",
    `--allow-env=${PATH_VARIABLES.join(",")},${REPORT_VARIABLE},${
      ACTIVATION_VARIABLES.join(",")
    },` +
    "XDG_STATE_HOME,HOME,TERM,PATH",
    "--allow-sys",
    `--allow-ffi=${cLibraries(machine).join(",")}`,
    "--allow-run",
  ];
}
