import { until } from "../t.ts";

/** Stops a process, and waits until all of its threads have stopped. Disposing lets it continue. */
export async function halted(pid: number): Promise<Disposable> {
  Deno.kill(pid, "SIGSTOP");
  await until(() => threadStates(pid).every((state) => state === "T"), {
    what: "a process to stop",
  });
  return { [Symbol.dispose]: () => Deno.kill(pid, "SIGCONT") };
}

/** The states of its threads: proc_pid_stat(5). */
function threadStates(pid: number): string[] {
  // Elsewhere than on Linux, a signal must do.
  if (Deno.build.os !== "linux") return [];
  return [...Deno.readDirSync(`/proc/${pid}/task`)].map(({ name }) => {
    const stat = Deno.readTextFileSync(`/proc/${pid}/task/${name}/stat`);
    return stat[stat.lastIndexOf(")") + 2] ?? "";
  });
}
