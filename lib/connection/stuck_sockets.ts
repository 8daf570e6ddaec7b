import type { SocketPair } from "../base/endpoint.ts";
import type { Link, Relay } from "../engine/engine.ts";

/** The sockets that a relay cannot close, because a write to them is pending. */
export function stuckSockets(
  relay: Relay | undefined,
  links: { readonly client: Link; readonly backend: Link | undefined },
): SocketPair[] {
  return (relay?.writingTo ?? []).flatMap((side) => {
    const { local, remote } = links[side] ?? {};
    return local && remote ? [{ local, remote }] : [];
  });
}
