/** Entry of a worker: one isolate that accepts on the shared port and serves (`--workers`). */

import { messageOf } from "../base/errors.ts";
import { oncePerBurst } from "../connection/once_per_burst.ts";
import { denoEngine } from "../engine/deno/deno_engine.ts";
import { Table } from "../table/table.ts";
import { type DataPlane, serveHere } from "./data_plane.ts";
import { printErrorLine } from "../system/output.ts";
import type { DumpOrder } from "./dump_order.ts";
import { WorkerDump } from "./dump_outbox.ts";
import { workerMonitor } from "./monitor.ts";
import type { FromWorker, ToWorker } from "./protocol.ts";

/** The part of a worker's global scope that is used. */
interface Scope {
  onmessage: ((event: MessageEvent<ToWorker>) => void) | null;
  postMessage(message: FromWorker, transfer?: Transferable[]): void;
  close(): void;
}

const scope = self as unknown as Scope;
let plane: DataPlane | undefined;
let dump: WorkerDump | undefined;

scope.onmessage = ({ data }) => {
  switch (data.type) {
    case "start":
      return start(data);
    case "stop":
      return void plane?.stop().then(() => scope.postMessage({ type: "stopped" }));
    case "connections": {
      const { query } = data;
      return void plane?.connections().then((connections) =>
        scope.postMessage({ type: "connections", query, connections })
      );
    }
    case "close": {
      const { query, selection } = data;
      return void plane?.close(selection).then((count) =>
        scope.postMessage({ type: "closed", query, count })
      );
    }
    case "dump": {
      setDump(data.order);
      return scope.postMessage({ type: "dumpSet", query: data.query });
    }
    case "dumpTaken":
      if (data.generation === dump?.order.generation) dump.taken();
      return;
    case "closeAll":
      return plane?.closeAll();
  }
};

/** What nobody caught ends this isolate; the program is told why, nobody gets a stack trace. */
function crashed(event: Event, error: unknown): void {
  event.preventDefault();
  scope.postMessage({ type: "crashed", message: messageOf(error) });
  scope.close();
}
addEventListener("error", (event) => crashed(event, event.error));
addEventListener("unhandledrejection", (event) => crashed(event, event.reason));

/** Open connections go over from one dump to the other before the old one is stopped. */
function setDump(order: DumpOrder | undefined): void {
  const before = dump;
  dump = order && new WorkerDump(order, (batch, buffers) => {
    scope.postMessage({ type: "dumped", batch }, buffers);
  });
  void plane?.setDump(dump);
  before?.stop();
}

function start(message: ToWorker & { type: "start" }): void {
  const say = (type: "notice" | "debug") =>
    message.isStderr ? printErrorLine : (line: string) => scope.postMessage({ type, line });
  try {
    setDump(message.dump);
    plane = serveHere(denoEngine.listen(message.at, { shared: true }), {
      engine: denoEngine,
      table: new Table(message.table, message.index),
      options: message.options,
      notice: say("notice"),
      shortage: oncePerBurst((line) => scope.postMessage({ type: "shortage", line })),
      debug: message.debug ? say("debug") : undefined,
      tap: dump?.taps,
      chunkBytes: message.chunkBytes,
      maxConnections: message.maxConnections,
      monitor: workerMonitor(message.monitor, {
        index: message.index,
        line: (line) => scope.postMessage({ type: "log", line }),
      }),
    });
  } catch (error) {
    return scope.postMessage({ type: "failed", message: messageOf(error) });
  }
  scope.postMessage({ type: "listening" });
  void plane.done.then(({ cutOff }) => {
    dump?.stop();
    scope.postMessage({ type: "done", cutOff });
    scope.close();
  });
}
