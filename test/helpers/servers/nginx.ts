import { listensOn } from "../net/tcp_sockets.ts";
import { type Running, startProgram } from "../program/start_program.ts";
import { tool } from "../t.ts";
import { exists } from "../temp_dir.ts";

const STREAM_MODULE = "/usr/lib/nginx/modules/ngx_stream_module.so";

/** Why nginx cannot run here with blocks of `stream`; `undefined` if it can. */
export function nginxStreamObstacle(): string | undefined {
  if (tool("nginx") === undefined) return "nginx is not installed";
  return exists(STREAM_MODULE) ? undefined : "nginx's module for streams is not installed";
}

/**
 * Starts nginx with any servers, in a new directory.
 *
 * @param config `http` and `stream`: the content of these blocks.
 * @param ports It is ready when it listens on these.
 */
export async function nginxWith(
  config: { http: string; stream: string },
  ports: readonly number[],
): Promise<Running> {
  const folder = await Deno.makeTempDir({ prefix: "balance-nginx-" });
  // Started by root, its workers run as another user.
  await Deno.chmod(folder, 0o755);
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((name) => `${name}_temp_path ${folder}/tmp_${name};`).join(" ");
  await Deno.writeTextFile(
    `${folder}/nginx.conf`,
    `load_module ${STREAM_MODULE};
daemon off; master_process off; worker_processes 1; pid ${folder}/pid; error_log stderr;
events { worker_connections 1000; }
http { access_log off; default_type text/plain; ${temporary} ${config.http} }
stream { ${config.stream} }\n`,
  );
  const remove = (): Promise<void> => Deno.remove(folder, { recursive: true });
  try {
    const nginx = await startProgram(tool("nginx")!, {
      args: ["-c", `${folder}/nginx.conf`, "-e", "stderr"],
      ready: () => ports.every((port) => listensOn(port)),
    });
    return {
      get output() {
        return nginx.output;
      },
      get ended() {
        return nginx.ended;
      },
      kill: (signal) => nginx.kill(signal),
      async [Symbol.asyncDispose]() {
        await nginx[Symbol.asyncDispose]();
        await remove();
      },
    };
  } catch (error) {
    await remove();
    throw error;
  }
}
