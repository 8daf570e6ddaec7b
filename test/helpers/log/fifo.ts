import { assert } from "@std/assert";

/** A named pipe that is read from a certain moment on. */
export interface Fifo {
  readonly path: string;
  /** Starts reading; resolves with everything at the end of the pipe. */
  read(): Promise<string>;
}

/** Makes a named pipe. */
export async function fifo(path: string): Promise<Fifo> {
  assert((await new Deno.Command("mkfifo", { args: [path] }).output()).success);
  return {
    path,
    async read() {
      using file = await Deno.open(path);
      return await new Response(file.readable).text();
    },
  };
}
