/**
 * `deno task bench`: measures balance and its peers side by side. README.md in this folder explains
 * what is measured and how to read it.
 */
import { messageOf } from "../../lib/base/errors.ts";
import { freePort } from "../../test/helpers/net/ports.ts";
import { killAll, startChild } from "./system/children.ts";
import { findContenders } from "./contenders/find_contenders.ts";
import { chooseCores, descriptorLimit, pinnedTo } from "./system/cores.ts";
import { buildGenerator } from "./load/generator.ts";
import { describeMachine } from "./system/machine.ts";
import { measureBulk } from "./measure/bulk.ts";
import { measureControl } from "./measure/control.ts";
import { idleCountsWithin, measureIdle } from "./measure/idle.ts";
import { measureLow } from "./measure/low.ts";
import { measureRates } from "./measure/rates.ts";
import { measureStart } from "./measure/start.ts";
import { measureWorkers } from "./measure/workers.ts";
import { type BenchOptions, readOptions, USAGE } from "./options.ts";
import { planOf } from "./measure/plan.ts";
import { answers } from "./system/answers.ts";
import { type Report, toJson, toMarkdown, toText, writeResults } from "./report/report.ts";
import type { Run } from "./measure/run.ts";
import { Samples } from "./report/samples.ts";

async function bench(options: BenchOptions, folder: string): Promise<Report> {
  const plan = planOf(options.quick);
  const start = performance.now();
  const [contenders, cores, generator, descriptors, machine] = await Promise.all([
    findContenders(options.contenders),
    chooseCores(),
    buildGenerator(folder),
    descriptorLimit(),
    describeMachine(),
  ]);
  const backendPort = freePort();
  const log = `${folder}/backend.log`;
  const backend = [...pinnedTo(cores.backend, generator.backend), String(backendPort)];
  startChild(backend, { log });
  if (!await answers(backendPort, () => false)) {
    throw new Error(`the backend does not start: ${await Deno.readTextFile(log)}`);
  }
  const run: Run = {
    plan,
    cores,
    generator,
    folder,
    backendPort,
    descriptors,
    idleCounts: idleCountsWithin(plan.idle.counts, descriptors),
    samples: new Samples(),
    notes: new Set(),
    progress: (text) => {
      const seconds = ((performance.now() - start) / 1000).toFixed(0);
      console.error(`${seconds.padStart(4)} s  ${text}`);
    },
  };
  if (generator.slow) run.notes.add("the load limits every rate and delay (no C compiler)");

  const { kinds } = options;
  const single = contenders.found.filter(({ only }) => only === undefined);
  const rates = ["request", "connection", "latency"] as const;
  if (rates.some((kind) => kinds.has(kind))) await measureRates(run, single, kinds);
  if (kinds.has("low")) await measureLow(run, single);
  if (kinds.has("control")) await measureControl(run, single);
  if (kinds.has("bulk")) {
    await measureBulk(run, contenders.found.filter(({ only }) => only !== "workers"));
  }
  if (kinds.has("idle")) await measureIdle(run, single);
  if (kinds.has("start")) await measureStart(run, single);
  if (kinds.has("workers")) await measureWorkers(run, contenders.found);
  return {
    plan,
    facts: [...machine, ["load", generator.text], ["cores", cores.text]],
    contenders,
    idleCounts: run.idleCounts,
    samples: run.samples,
    notes: [...run.notes],
  };
}

async function publish(report: Report, options: BenchOptions): Promise<void> {
  console.log(toText(report));
  if (options.json !== undefined) await Deno.writeTextFile(options.json, toJson(report));
  if (options.results === undefined) return;
  const balance = report.contenders.found.find(({ name }) => name === "balance");
  await writeResults(options.results, toMarkdown(report, balance?.version ?? "balance missing"));
}

async function main(): Promise<number> {
  let options: BenchOptions;
  try {
    options = readOptions(Deno.args);
  } catch (error) {
    console.error(`${messageOf(error)}\n\n${USAGE}`);
    return 64;
  }
  if (options.help) return console.log(USAGE), 0;
  if (Deno.build.os !== "linux") return console.error("the benchmark needs Linux (/proc)"), 69;
  const folder = await Deno.makeTempDir({ prefix: "balance-bench-" });
  const cleanUp = () => {
    killAll();
    try {
      Deno.removeSync(folder, { recursive: true });
    } catch { /* removed before, or a dying child still writes into it */ }
  };
  for (const event of ["error", "unhandledrejection"]) addEventListener(event, cleanUp);
  for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143], ["SIGHUP", 129]] as const) {
    Deno.addSignalListener(signal, () => {
      cleanUp();
      Deno.exit(code);
    });
  }
  try {
    await publish(await bench(options, folder), options);
    return 0;
  } finally {
    cleanUp();
  }
}

Deno.exit(await main());
