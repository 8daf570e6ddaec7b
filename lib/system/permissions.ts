import { cLibraries, type Machine } from "./native.ts";

/**
 * How the memory of the program is managed: garbage is collected sooner than V8 would by itself,
 * which after a burst of connections keeps several times of what is in use.
 */
export const MEMORY_FLAGS = "--v8-flags=--max-semi-space-size=3,--heap-growing-percent=15";

/**
 * Everything that the program is allowed to do; nothing else is ever granted, it never prompts.
 *
 * - `net`: listening, dialling, names; on Deno 2.9 unix sockets as well.
 * - `read`, `write` without a list: control socket, dump and log are where the user says.
 * - `env`: run directory, syslog's socket, the socket of a service manager.
 * - `sys`: the user id, for the owner of the run directory, and the umask, for the socket's
 *   mode; Deno 2.9 knows no narrower name for the latter.
 * - `ffi`: the C library at its absolute paths, given up again at the very start (native.ts).
 *
 * @param machine What it runs on; default: this one.
 */
export function permissionFlags(machine?: Machine): string[] {
  return [
    "--no-prompt",
    "--allow-net",
    "--allow-read",
    "--allow-write",
    "--allow-env=BALANCE_RUNDIR,BALANCE_SYSLOG,XDG_RUNTIME_DIR,NOTIFY_SOCKET",
    "--allow-sys",
    `--allow-ffi=${cLibraries(machine).join(",")}`,
    // Only this very file may be run, wherever it is copied to: for going to the background.
    "--allow-run=/proc/self/exe",
  ];
}
