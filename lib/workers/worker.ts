/** Entry of a worker (`--workers`): an isolate that accepts and serves on the shared port. */

import { messageOf } from "../base/errors.ts";
import { oncePerBurst } from "../connection/once_per_burst.ts";
import { bindMessage } from "../engine/bind_message.ts";
import { openEngine } from "../engine/engines.ts";
import { Table } from "../table/table.ts";
import { type LocalPlane, serveHere } from "./data_plane.ts";
import type { DumpOrder } from "./dump_order.ts";
import { WorkerDump } from "./dump_outbox.ts";
import { LogOutbox } from "./log_outbox.ts";
import { workerMonitor } from "./monitor.ts";
import type { Answers, FromWorker, Question, ToWorker, WorkerSetup } from "./protocol.ts";

/** The part of a worker's global scope that is used. */
interface Scope {
  onmessage: ((event: MessageEvent<ToWorker>) => void) | null;
  postMessage(message: FromWorker, transfer?: Transferable[]): void;
  close(): void;
}

const scope = self as unknown as Scope;
let plane: LocalPlane | undefined;
let dump: WorkerDump | undefined;
const log = new LogOutbox((lines) => scope.postMessage({ type: "logged", lines }));

scope.onmessage = ({ data }) => {
  switch (data.type) {
    case "start":
      return start(data.setup);
    case "question": {
      const { query, question } = data;
      return void answerTo(question).then((answer) =>
        scope.postMessage({ type: "answer", query, answer })
      );
    }
    case "dumpTaken":
      if (data.generation === dump?.order.generation) dump.taken();
      return;
    case "logTaken":
      return log.taken();
    case "deliver":
      return plane?.deliver();
    case "stop":
      return void plane?.stop().then(() => scope.postMessage({ type: "stopped" }));
    case "closeAll":
      return plane?.closeAll();
  }
};

/** Ends this isolate after an uncaught error. The main isolate reports it in one line. */
function crashed(event: Event, error: unknown): void {
  event.preventDefault();
  log.flush();
  scope.postMessage({ type: "crashed", message: messageOf(error) });
  scope.close();
}
addEventListener("error", (event) => crashed(event, event.error));
addEventListener("unhandledrejection", (event) => crashed(event, event.reason));

async function answerTo(question: Question): Promise<Answers[keyof Answers]> {
  switch (question.type) {
    case "dump":
      setDump(question.order);
      return true;
    case "dumpFiles":
      await plane?.countDumpFiles(question.value);
      return true;
    case "connections":
      return await plane?.connections() ?? [];
    case "close":
      return await plane?.close(question.selection) ?? 0;
  }
}

/** Moves open connections to the new dump before the old one is stopped. */
function setDump(order: DumpOrder | undefined): void {
  const before = dump;
  dump = order && new WorkerDump(order, (batch, buffers) => {
    scope.postMessage({ type: "dumped", batch }, buffers);
  });
  void plane?.setDump(dump);
  before?.stop();
}

function start(setup: WorkerSetup): void {
  const { serving, index } = setup;
  const print = (type: "notice" | "timedOut" | "debug") => (line: string) =>
    scope.postMessage({ type, line });
  const engine = openEngine(serving.engine);
  const listener = engine.listen(serving.at, { shared: true });
  if ("failure" in listener) {
    const message = bindMessage(listener, { ...serving.at, purpose: "local" });
    return scope.postMessage({ type: "failed", message });
  }
  setDump(setup.dump);
  plane = serveHere(listener, {
    serving,
    engine,
    table: new Table(setup.table, index),
    notice: print("notice"),
    shortage: oncePerBurst((line) => scope.postMessage({ type: "shortage", line })),
    timedOut: print("timedOut"),
    requestShutdown: (sockets) => scope.postMessage({ type: "stuck", sockets }),
    debug: setup.debug ? print("debug") : undefined,
    wake: (worker) => scope.postMessage({ type: "wake", worker }),
    backendEvent: (event) => scope.postMessage({ type: "backend", event }),
    dump,
    monitor: workerMonitor(setup.monitor, { index, lines: log }),
  });
  scope.postMessage({ type: "listening" });
  void plane.done.then(({ cutOff }) => {
    dump?.stop();
    log.flush();
    scope.postMessage({ type: "done", cutOff });
    scope.close();
  });
}
