import { type Contender, MAX_CONNECTIONS, type Missing, type Place } from "./contender.ts";
import { tool } from "../../../test/helpers/t.ts";
import { output } from "../system/output.ts";

/** haproxy in TCP mode, one thread. Its default buffer is 16 KiB. */
export async function findHaproxy(): Promise<Contender | Missing> {
  const name = "haproxy";
  const program = tool(name);
  if (program === undefined) return { name, missing: "not installed" };
  const { text } = await output([program, "-v"]);
  return {
    name,
    version: /version (\S+)/.exec(text)?.[1] ?? "version unknown",
    start: (place) => ({
      command: [program, "-db", "-f", `${place.folder}/haproxy.cfg`],
      files: { "haproxy.cfg": config(place) },
    }),
  };
}

function config({ port, backendPort, buffers, descriptors }: Place): string {
  // Two descriptors for each connection; haproxy refuses to start without them.
  const max = Math.min(MAX_CONNECTIONS, Math.floor((descriptors - 100) / 2));
  return `global
  nbthread 1
  maxconn ${max}
${buffers === "256K" ? "  tune.bufsize 262144\n" : ""}
defaults
  mode tcp
  backlog 4096
  timeout connect 5s
  timeout client 1h
  timeout server 1h
  option clitcpka
  option srvtcpka

listen bench
  bind 127.0.0.1:${port}
  balance roundrobin
  server one 127.0.0.1:${backendPort}
`;
}
