import { type Contender, MAX_CONNECTIONS, type Missing, type Place } from "./contender.ts";
import { tool } from "../../../test/helpers/t.ts";
import { exists } from "../../system/files.ts";
import { output } from "../system/output.ts";

/** nginx with its stream module (Debian: libnginx-mod-stream), one process. Default buffer 16 KiB. */
export async function findNginx(): Promise<Contender | Missing> {
  const name = "nginx";
  const program = tool(name);
  if (program === undefined) return { name, missing: "not installed" };
  const { text } = await output([program, "-V"]);
  const module = await streamModule(text);
  if (module === undefined) return { name, missing: "no stream module (libnginx-mod-stream)" };
  const version = /nginx\/(\S+)/.exec(text)?.[1] ?? "version unknown";
  return {
    name,
    version,
    start: (place) => ({
      command: [
        program,
        ...["-e", `${place.folder}/error.log`, "-p", place.folder, "-c", "nginx.conf"],
      ],
      files: { "nginx.conf": module + config(place) },
    }),
  };
}

/** The line that loads the module: empty if it is built in, `undefined` if it is missing. */
async function streamModule(built: string): Promise<string | undefined> {
  if (/--with-stream(\s|$)/.test(built)) return "";
  const folder = /--modules-path=(\S+)/.exec(built)?.[1] ?? "/usr/lib/nginx/modules";
  const file = `${folder}/ngx_stream_module.so`;
  return await exists(file) ? `load_module ${file};\n` : undefined;
}

function config({ port, backendPort, folder, buffers }: Place): string {
  return `daemon off;
master_process off;
pid ${folder}/nginx.pid;
error_log ${folder}/error.log;
events {
  worker_connections ${2 * MAX_CONNECTIONS};
}
stream {
  access_log off;
  tcp_nodelay on;
  proxy_connect_timeout 5s;
  proxy_timeout 1h;
  proxy_socket_keepalive on;
  proxy_half_close on;
${buffers === "256K" ? "  proxy_buffer_size 256k;\n" : ""}
  upstream one {
    server 127.0.0.1:${backendPort} max_fails=0;
  }
  server {
    listen 127.0.0.1:${port} backlog=4096 so_keepalive=on;
    proxy_pass one;
  }
}
`;
}
