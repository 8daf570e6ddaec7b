import { freePort } from "../net/ports.ts";
import { listensOn } from "../net/tcp_sockets.ts";
import { startProgram } from "./start_program.ts";

/** A running nginx that serves one directory. */
export interface Nginx extends AsyncDisposable {
  /** `127.0.0.1:PORT` */
  readonly address: string;
  /** The directory that it serves. */
  readonly folder: string;
}

/**
 * Starts nginx on loopback, in a new directory.
 *
 * @param path Of the executable.
 * @param locations Added to its only server, such as `location = /x { return 204; }`.
 */
export async function startNginx(path: string, locations = ""): Promise<Nginx> {
  const port = freePort();
  const folder = await Deno.makeTempDir({ prefix: "balance-nginx-" });
  // Started by root, its workers run as another user.
  await Deno.chmod(folder, 0o755);
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((name) => `${name}_temp_path ${folder}/tmp_${name};`).join(" ");
  await Deno.writeTextFile(
    `${folder}/nginx.conf`,
    `daemon off; master_process off; worker_processes 1; pid ${folder}/pid; error_log stderr;
events { worker_connections 1000; }
http { access_log off; ${temporary} keepalive_requests 1000000; tcp_nodelay on;
server { listen 127.0.0.1:${port} backlog=1000; root ${folder}; ${locations} } }\n`,
  );
  const remove = (): Promise<void> => Deno.remove(folder, { recursive: true });
  try {
    const nginx = await startProgram(path, {
      args: ["-c", `${folder}/nginx.conf`, "-e", "stderr"],
      ready: () => listensOn(port),
    });
    return {
      address: `127.0.0.1:${port}`,
      folder,
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
