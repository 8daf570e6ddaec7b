import { readTextIfExists } from "../../system/files.ts";
import { output } from "./output.ts";

/** The machine and the versions of a run, as pairs of name and value for the head of the report. */
export async function describeMachine(): Promise<readonly (readonly [string, string])[]> {
  const cpus = await read("/proc/cpuinfo");
  const model = /^model name\s*:\s*(.+)$/m.exec(cpus)?.[1] ?? "processor unknown";
  const kilobytes = Number(/^MemTotal:\s*(\d+)/m.exec(await read("/proc/meminfo"))?.[1] ?? 0);
  const load = (Deno.loadavg()[0] ?? 0).toFixed(2);
  const system = /^PRETTY_NAME="(.+)"$/m.exec(await read("/etc/os-release"))?.[1] ?? Deno.build.os;
  return [
    [
      "machine",
      `${navigator.hardwareConcurrency} x ${model}, ${(kilobytes / 2 ** 20).toFixed(0)} GiB`,
    ],
    ["system", `${system}, Linux ${Deno.osRelease()}, ${Deno.build.arch}`],
    ["run time", `Deno ${Deno.version.deno}, V8 ${Deno.version.v8}`],
    [
      "load average before",
      load + (Number(load) > 0.5 ? " (NOT IDLE: expect unsteady figures)" : ""),
    ],
    ["commit", await commit()],
    ["date", new Date().toISOString().slice(0, 16).replace("T", " ") + " UTC"],
  ];
}

async function commit(): Promise<string> {
  const cwd = new URL(".", import.meta.url).pathname;
  const { ok, text } = await output(["git", "describe", "--always", "--dirty"], { cwd });
  return ok ? text.trim() : "none";
}

async function read(path: string): Promise<string> {
  return await readTextIfExists(path) ?? "";
}
