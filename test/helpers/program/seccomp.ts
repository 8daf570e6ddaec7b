/**
 * Starts programs whose system calls the system refuses one by one (seccomp), in Python. Tests that
 * use it need `python3`.
 *
 * @module
 */

/** Numbers of system calls, for x86-64 and aarch64. */
const NUMBERS = {
  accept4: [288, 242],
  epoll_create1: [291, 20],
  eventfd2: [290, 19],
  pipe2: [293, 59],
  splice: [275, 76],
} as const;

/** A system call that can be refused. */
export type SystemCall = keyof typeof NUMBERS;

/**
 * Refuses a call with EPERM from now on, in this process and its children. With a path, that
 * begins when the file exists, decided by a supervisor process for each call.
 */
const SCRIPT = `
import ctypes, os, struct, sys
number, command = int(sys.argv[1]), sys.argv[2:]
libc = ctypes.CDLL(None, use_errno=True)
ALLOW, ERRNO, EPERM = 0x7fff0000, 0x00050000, 1
# Load the number of the call; refuse it if it is this one, else allow it.
code = [(0x20, 0, 0, 0), (0x15, 0, 1, number), (0x06, 0, 0, ERRNO | EPERM), (0x06, 0, 0, ALLOW)]
filter = b"".join(struct.pack("HBBI", *one) for one in code)
class Program(ctypes.Structure):
    _fields_ = [("len", ctypes.c_ushort), ("filter", ctypes.c_char_p)]
program = Program(len(code), filter)
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0: sys.exit("prctl: no_new_privs")
if libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0) != 0:
    sys.exit("prctl: seccomp")
os.execvp(command[0], command)
`;

/** A prefix of a command line: the program runs without a system call. */
export function without(call: SystemCall): string[] {
  const number = NUMBERS[call][Deno.build.arch === "x86_64" ? 0 : 1];
  return ["python3", "-c", SCRIPT, `${number}`];
}
