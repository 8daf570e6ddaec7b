/**
 * Network namespaces: hosts of their own for tests, with their own addresses.
 *
 * @module
 */
import { tool } from "../t.ts";

/** A network namespace, removed at the end of its scope. Its loopback device is up. */
export interface Namespace extends AsyncDisposable {
  readonly name: string;
  /** A command line that runs a program in it. */
  inside(command: string, args: readonly string[]): { command: string; args: string[] };
  /** Runs a program in it. @throws {Error} If it does not exit with 0. @returns Its output. */
  run(command: string, ...args: string[]): Promise<string>;
}

/** Why there can be no namespaces here; `undefined` if there can. @param tools What else is needed. */
export async function whyNoNamespaces(...tools: string[]): Promise<string | undefined> {
  const missing = ["ip", "socat", ...tools].find((name) => tool(name) === undefined);
  if (missing !== undefined) return `${missing} is not installed`;
  if (Deno.uid() !== 0) return "only root can make network namespaces";
  try {
    await using one = await namespace();
    await one.run("ip", "link", "show");
    return undefined;
  } catch (error) {
    return `no network namespaces: ${(error as Error).message}`;
  }
}

/** Makes a namespace. */
export async function namespace(): Promise<Namespace> {
  const name = `balance-${Deno.pid}-${crypto.randomUUID().slice(0, 8)}`;
  const inside = (command: string, args: readonly string[]) => ({
    command: tool("ip")!,
    args: ["netns", "exec", name, command, ...args],
  });
  const run = (command: string, ...args: string[]) => output(inside(command, args));
  await output({ command: tool("ip")!, args: ["netns", "add", name] });
  await run("ip", "link", "set", "lo", "up");
  return {
    name,
    inside,
    run,
    async [Symbol.asyncDispose]() {
      await output({ command: tool("ip")!, args: ["netns", "del", name] });
    },
  };
}

/** Runs a program. @throws {Error} If it does not exit with 0. @returns What it wrote to stdout. */
async function output({ command, args }: { command: string; args: string[] }): Promise<string> {
  const pipes = { stdin: "null", stdout: "piped", stderr: "piped" } as const;
  const { code, stdout, stderr } = await new Deno.Command(command, { args, ...pipes }).output();
  const decoder = new TextDecoder();
  if (code === 0) return decoder.decode(stdout);
  throw new Error(`${command} ${args.join(" ")}: ${code} ${decoder.decode(stderr)}`);
}
