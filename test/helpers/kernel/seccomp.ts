/**
 * Starts programs whose system calls the system refuses one by one (seccomp), in Python. Tests that
 * use it need `python3`.
 *
 * @module
 */

/**
 * Numbers of system calls for x86-64 and aarch64. The runtime itself needs some calls: of these, only
 * those are refused whose flags are invalid. `flags` is the index of that argument.
 */
const CALLS = {
  accept4: { numbers: [288, 242] },
  epoll_create1: { numbers: [291, 20], flags: 0 },
  eventfd: { numbers: [290, 19], flags: 1 },
  pipe2: { numbers: [293, 59] },
  splice: { numbers: [275, 76] },
} as const;

/** A function of the C library that can be refused. */
export type Refusable = keyof typeof CALLS;

/** The functions that can be refused. */
export const REFUSABLE = Object.keys(CALLS) as Refusable[];

/** Refuses a call with EPERM from now on, in this process and its children: seccomp(2). */
const SCRIPT = `
import ctypes, os, struct, sys
number, flags, command = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
libc = ctypes.CDLL(None)
ALLOW, ERRNO, EPERM = 0x7fff0000, 0x00050000, 1
LOAD, EQUAL, RETURN, ARGUMENTS = 0x20, 0x15, 0x06, 16
if flags < 0: test = []
else: test = [(LOAD, 0, 0, ARGUMENTS + 8 * flags), (EQUAL, 0, 1, 0xffffffff)]
code = [(LOAD, 0, 0, 0), (EQUAL, 0, len(test) + 1, number), *test]
code += [(RETURN, 0, 0, ERRNO | EPERM), (RETURN, 0, 0, ALLOW)]
instructions = b"".join(struct.pack("HBBI", *one) for one in code)
class Program(ctypes.Structure):
    _fields_ = [("len", ctypes.c_ushort), ("filter", ctypes.c_char_p)]
program = Program(len(code), instructions)
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0: sys.exit("prctl: no_new_privs")
if libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0) != 0:
    sys.exit("prctl: seccomp")
os.execvp(command[0], command)
`;

/** A prefix of a command line: the program runs without a system call. */
export function without(name: Refusable): string[] {
  const call = CALLS[name];
  const number = call.numbers[Deno.build.arch === "x86_64" ? 0 : 1];
  return ["python3", "-c", SCRIPT, `${number}`, `${"flags" in call ? call.flags : -1}`];
}
