import { EXIT, ExitError, systemReason, withName } from "../base/errors.ts";
import type { Endpoint } from "../base/endpoint.ts";
import { socketName } from "../control/control_socket.ts";
import {
  checkDirectory,
  runDirectories,
  type RunDirectory,
  RunDirectoryError,
} from "../system/run_directory.ts";
import { MAX_SOCKET_PATH } from "../system/unix_socket.ts";
import { createFault } from "./file_faults.ts";

/**
 * Checks that a control socket could be created; nothing is created.
 *
 * @param at The address to listen on.
 * @throws {ExitError} If no run directory can be used (exit code 73).
 */
export function checkControlSocket(at: Endpoint): void {
  const reasons: string[] = [];
  for (const directory of runDirectories()) {
    const fault = faultOf(directory, `${directory.path}/${socketName(at)}`);
    if (fault === undefined) return;
    if (directory.explicit) throw new ExitError(withName(fault), EXIT.canNotCreate);
    reasons.push(fault);
  }
  throw new ExitError(withName(`no control socket: ${reasons.join("; ")}`), EXIT.canNotCreate);
}

function faultOf(directory: RunDirectory, path: string): string | undefined {
  const unusable = (reason: string) => `can't create [${path}]: ${reason}`;
  try {
    if (new TextEncoder().encode(path).length > MAX_SOCKET_PATH) {
      return unusable(`a socket's path may have at most ${MAX_SOCKET_PATH} bytes`);
    }
    if (!exists(directory.path)) {
      // The start makes it.
      const fault = createFault(directory.path);
      return fault && `can't use run directory [${directory.path}]: ${fault}`;
    }
    checkDirectory(directory);
    const fault = createFault(path);
    if (fault !== undefined) return unusable(fault);
    const isOther = exists(path) && !Deno.lstatSync(path).isSocket;
    return isOther ? unusable("it exists and is not a socket") : undefined;
  } catch (error) {
    return error instanceof RunDirectoryError ? error.reason : unusable(systemReason(error));
  }
}

function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
