/**
 * A worker of the program with the epoll engine, and with bugs that clients bring out by the lengths
 * of their messages.
 *
 * @module
 */
/// <reference lib="deno.worker" />
import { EpollEngine } from "../../../lib/engine/epoll/epoll_engine.ts";
import type { RelayObserver } from "../../../lib/engine/engine.ts";
import "../../../lib/workers/worker.ts";
import { BUG_BYTES, CRASH_BYTES } from "./bugs.ts";

const { relay } = EpollEngine.prototype;

EpollEngine.prototype.relay = function (client, backend, observer) {
  const moved = observer.moved.bind(observer);
  const buggy: RelayObserver["moved"] = (side, bytes) => {
    moved(side, bytes);
    if (side !== "client") return;
    if (bytes === BUG_BYTES) throw new Error("bug on purpose");
    if (bytes === CRASH_BYTES) {
      queueMicrotask(() => {
        throw new Error("crash on purpose");
      });
    }
  };
  Object.defineProperty(observer, "moved", { value: buggy });
  return relay.call(this, client, backend, observer);
};
