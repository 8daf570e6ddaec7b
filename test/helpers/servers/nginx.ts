import { freePort } from "../net/ports.ts";
import { listensOn } from "../net/tcp_sockets.ts";
import { type Running, startProgram } from "../program/start_program.ts";
import { tool } from "../t.ts";
import { exists } from "../temp_dir.ts";

const STREAM_MODULE = "/usr/lib/nginx/modules/ngx_stream_module.so";

/** A running nginx that serves one directory. */
export interface Nginx extends AsyncDisposable {
  /** `127.0.0.1:PORT` */
  readonly address: string;
  /** The directory that it serves. */
  readonly folder: string;
}

/** Why nginx cannot run here with blocks of `stream`; `undefined` if it can. */
export function nginxStreamObstacle(): string | undefined {
  if (tool("nginx") === undefined) return "nginx is not installed";
  return exists(STREAM_MODULE) ? undefined : "nginx's module for streams is not installed";
}

/**
 * Starts nginx on loopback, in a new directory.
 *
 * @param path Of the executable.
 * @param locations Added to its only server, such as `location = /x { return 204; }`.
 */
export async function startNginx(path: string, locations = ""): Promise<Nginx> {
  const port = freePort();
  const nginx = await startIn((folder) => ({
    path,
    http: `keepalive_requests 1000000; tcp_nodelay on;
server { listen 127.0.0.1:${port} backlog=1000; root ${folder}; ${locations} }`,
    ports: [port],
  }));
  return {
    address: `127.0.0.1:${port}`,
    folder: nginx.folder,
    [Symbol.asyncDispose]: () => nginx[Symbol.asyncDispose](),
  };
}

/**
 * Starts nginx with any servers, in a new directory.
 *
 * @param config `http` and `stream`: the content of these blocks.
 * @param ports It is ready when it listens on these.
 */
export function nginxWith(
  { http, stream }: { http: string; stream: string },
  ports: readonly number[],
): Promise<Running> {
  const path = tool("nginx")!;
  return startIn(() => ({ path, http: `default_type text/plain; ${http}`, stream, ports }));
}

/** How nginx is started: `path` of the executable; `http` and `stream`: the content of blocks. */
interface Start {
  readonly path: string;
  readonly http: string;
  readonly stream?: string;
  readonly ports: readonly number[];
}

async function startIn(
  startOf: (folder: string) => Start,
): Promise<Running & { readonly folder: string }> {
  const folder = await Deno.makeTempDir({ prefix: "balance-nginx-" });
  const { path, http, stream, ports } = startOf(folder);
  // Started by root, its workers run as another user.
  await Deno.chmod(folder, 0o755);
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((name) => `${name}_temp_path ${folder}/tmp_${name};`).join(" ");
  await Deno.writeTextFile(
    `${folder}/nginx.conf`,
    `${stream === undefined ? "" : `load_module ${STREAM_MODULE};`}
daemon off; master_process off; worker_processes 1; pid ${folder}/pid; error_log stderr;
events { worker_connections 1000; }
http { access_log off; ${temporary} ${http} }
${stream === undefined ? "" : `stream { ${stream} }`}\n`,
  );
  const remove = (): Promise<void> => Deno.remove(folder, { recursive: true });
  try {
    const nginx = await startProgram(path, {
      args: ["-c", `${folder}/nginx.conf`, "-e", "stderr"],
      ready: () => ports.every((port) => listensOn(port)),
    });
    return {
      folder,
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
