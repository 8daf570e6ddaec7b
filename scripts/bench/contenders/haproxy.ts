import { type Contender, type Missing, MOST_CONNECTIONS, type Place } from "./contender.ts";
import { findProgram, output } from "../system/programs.ts";

/** haproxy in TCP mode, one thread. Its default buffer is 16 KiB. */
export async function findHaproxy(): Promise<Contender | Missing> {
  const name = "haproxy";
  const program = findProgram(name);
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
  // Two descriptors a connection; it refuses to start when they can't be had.
  const most = Math.min(MOST_CONNECTIONS, Math.floor((descriptors - 100) / 2));
  return `global
  nbthread 1
  maxconn ${most}
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
