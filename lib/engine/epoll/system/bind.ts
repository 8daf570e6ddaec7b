import type { Endpoint } from "../../../base/endpoint.ts";
import { BACKLOG } from "../../../base/limits.ts";
import { bindWithRetry } from "../../bind_retry.ts";
import type { ListenFailure } from "../../engine.ts";
import { socketAddress } from "./addresses.ts";
import {
  AF_INET6,
  IP_FREEBIND,
  IPPROTO_IP,
  IPPROTO_IPV6,
  IPV6_FREEBIND,
  IPV6_V6ONLY,
  SO_REUSEADDR,
  SO_REUSEPORT,
  SOCK_STREAM,
  SOCKET_FLAGS,
  SOL_SOCKET,
} from "../../../socket/constants.ts";
import { EADDRINUSE, EADDRNOTAVAIL } from "./constants.ts";
import { listenFailureOf } from "./errno.ts";
import { setOption, type SocketContext, tune } from "./sockets.ts";

const REUSE_ADDRESS = { level: SOL_SOCKET, name: SO_REUSEADDR };
const REUSE_PORT = { level: SOL_SOCKET, name: SO_REUSEPORT };
const FREE = { level: IPPROTO_IP, name: IP_FREEBIND };
const FREE_6 = { level: IPPROTO_IPV6, name: IPV6_FREEBIND };
const DUAL_STACK = { level: IPPROTO_IPV6, name: IPV6_V6ONLY, value: 0 };

/**
 * Binds a socket and listens: bind(2), listen(2).
 *
 * @param options `isShared`: other sockets of this user may have the same address. Later, a
 * process of the same user may bind it, too (socket(7), `SO_REUSEPORT`). `isFree`: this host need not
 * have the address (ip(7), `IP_FREEBIND`).
 * @returns Its descriptor.
 */
export function bindSocket(
  context: SocketContext,
  at: Endpoint,
  options: { isShared: boolean; isFree?: boolean | undefined },
): number | ListenFailure {
  return bindWithRetry(() => attemptBind(context, at, options));
}

function attemptBind(
  context: SocketContext,
  at: Endpoint,
  { isShared, isFree }: { isShared: boolean; isFree?: boolean | undefined },
): number | ListenFailure {
  const { c, errno } = context, name = socketAddress(c, at);
  if (name === undefined) return listenFailureOf(c, EADDRNOTAVAIL);
  const descriptor = c.socket(name[0]!, SOCK_STREAM | SOCKET_FLAGS, 0);
  if (descriptor < 0) return listenFailureOf(c, errno());
  setOption(context, descriptor, REUSE_ADDRESS);
  if (isShared) setOption(context, descriptor, REUSE_PORT);
  if (name[0] === AF_INET6) setOption(context, descriptor, DUAL_STACK);
  if (isFree) setOption(context, descriptor, name[0] === AF_INET6 ? FREE_6 : FREE);
  tune(context, descriptor);
  const error = c.bind(descriptor, name, name.length) === 0 && c.listen(descriptor, BACKLOG) === 0
    ? 0
    : errno();
  if (error === 0) {
    // Not before: another program would not notice that the address is in use.
    setOption(context, descriptor, REUSE_PORT);
    return descriptor;
  }
  c.close(descriptor);
  return listenFailureOf(c, error);
}

/** Whether connections can be made from an address: it is one of this host. */
export function isLocal({ c, errno }: SocketContext, address: string): boolean {
  const name = socketAddress(c, { address, port: 0 });
  if (name === undefined) return false;
  const descriptor = c.socket(name[0]!, SOCK_STREAM | SOCKET_FLAGS, 0);
  if (descriptor < 0) return false;
  const error = c.bind(descriptor, name, name.length) === 0 ? 0 : errno();
  c.close(descriptor);
  // Without a free port, connections to other destinations may still have one.
  return error === 0 || error === EADDRINUSE;
}
