/**
 * A worker of the program that has an uncaught error on the message `crash`.
 *
 * @module
 */
/// <reference lib="deno.worker" />
import "../../../lib/workers/worker.ts";

self.addEventListener("message", ({ data }: MessageEvent<unknown>) => {
  if (data === "crash") throw new Error("crashed on purpose");
});
