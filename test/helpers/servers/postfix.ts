import { listensOn } from "../net/tcp_sockets.ts";
import { type Running, runProgram, startProgram } from "../program/start_program.ts";
import { tool } from "../t.ts";
import { tempDir } from "../temp_dir.ts";

/** The programs that {@linkcode startPostfix} needs, besides being root. */
export const POSTFIX_TOOLS = ["postfix", "postconf", "chown"] as const;

/**
 * Starts postfix in a new directory, without the services that deliver mail. Its log is its output.
 *
 * @param services Lines of master.cf, which accept mail.
 * @param ports It is ready when it listens on these.
 */
export async function startPostfix(services: string, ports: readonly number[]): Promise<Running> {
  const dir = tempDir();
  try {
    await Deno.chmod(dir.path, 0o755);
    for (const name of ["conf", "queue", "data"]) await Deno.mkdir(`${dir.path}/${name}`);
    await runProgram("chown", ["postfix", `${dir.path}/data`]);
    await Deno.writeTextFile(`${dir.path}/conf/main.cf`, mainConfiguration(dir.path));
    await Deno.writeTextFile(
      `${dir.path}/conf/master.cf`,
      `${services}
postlog unix-dgram n - n - 1 postlogd
anvil unix - - n - 1 anvil
rewrite unix - - n - - trivial-rewrite
proxymap unix - - n - - proxymap
`,
    );
    // Makes the directories of the queue.
    const made = await runProgram(tool("postfix")!, ["-c", `${dir.path}/conf`, "check"]);
    if (made.code !== 0) throw new Error(`postfix check: ${made.stderr}`);
    const { stdout: folder } = await runProgram(tool("postconf")!, ["-h", "daemon_directory"]);
    // Not "postfix start-fg", which does not end with its shell.
    const postfix = await startProgram(`${folder.trim()}/master`, {
      args: ["-c", `${dir.path}/conf`, "-s"],
      ready: () => ports.every((port) => listensOn(port)),
    });
    return {
      get output() {
        return postfix.output;
      },
      get ended() {
        return postfix.ended;
      },
      kill: (signal) => postfix.kill(signal),
      async [Symbol.asyncDispose]() {
        await postfix[Symbol.asyncDispose]();
        dir[Symbol.dispose]();
      },
    };
  } catch (error) {
    dir[Symbol.dispose]();
    throw error;
  }
}

function mainConfiguration(folder: string): string {
  return `compatibility_level = 3.6
myhostname = mail.example
inet_interfaces = 127.0.0.1
queue_directory = ${folder}/queue
data_directory = ${folder}/data
mydestination =
alias_maps =
maillog_file = /dev/stdout
`;
}
