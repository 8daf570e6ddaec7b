/** Full path of a program on PATH (and in the sbin folders, where Debian keeps daemons). */
export function findProgram(name: string): string | undefined {
  const folders = (Deno.env.get("PATH") ?? "").split(":").concat("/usr/sbin", "/usr/local/sbin");
  for (const folder of folders) {
    const path = `${folder}/${name}`;
    try {
      const { isFile, mode } = Deno.statSync(path);
      if (folder !== "" && isFile && ((mode ?? 0) & 0o111) !== 0) return path;
    } catch { /* not in this folder */ }
  }
  return undefined;
}

/** What a short-lived command printed on both outputs; it is killed after five seconds by default. */
export async function output(
  command: readonly string[],
  options: { milliseconds?: number; folder?: string } = {},
): Promise<{ ok: boolean; text: string }> {
  const [program = "", ...args] = command;
  try {
    const { success, stdout, stderr } = await new Deno.Command(program, {
      args,
      stdin: "null",
      signal: AbortSignal.timeout(options.milliseconds ?? 5000),
      ...(options.folder === undefined ? {} : { cwd: options.folder }),
    }).output();
    const decoder = new TextDecoder();
    return { ok: success, text: decoder.decode(stdout) + decoder.decode(stderr) };
  } catch (error) {
    return { ok: false, text: error instanceof Error ? error.message : String(error) };
  }
}
