/**
 * Makes a worker of the program that holds two connections of the first channel, and dies as soon as
 * the program knows that it listens.
 */
export function makeDyingWorker(): Worker {
  const url = new URL("./dying_worker.ts", import.meta.url);
  const worker = new Worker(url, { type: "module" });
  worker.addEventListener("message", ({ data }) => {
    if (data.type === "listening") worker.postMessage("die");
  });
  return worker;
}
