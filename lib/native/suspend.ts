import { cLibrary } from "./c_library.ts";

const SIGTSTP = Deno.build.os === "darwin" ? 18 : 20;

/**
 * Stops the process group until SIGCONT, as ^Z does on a terminal in its normal mode. It returns
 * immediately if no process could continue it, and without the C library.
 */
export function suspendProcess(): void {
  cLibrary()?.kill(0, SIGTSTP);
}
