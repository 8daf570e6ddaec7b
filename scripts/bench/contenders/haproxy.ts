import { type Contender, MAX_CONNECTIONS, type Missing, type Place } from "./contender.ts";
import { tool } from "../../../test/helpers/t.ts";
import { output } from "../system/output.ts";

/** splice-auto alone never splices here: it waits for bursts of reads that loopback does not have. */
const SPLICE = `  option splice-auto
  option splice-request
  option splice-response
`;

/** A configuration of haproxy. */
interface Variant {
  readonly name: string;
  readonly only?: "workers" | "bulk";
  readonly threads: number;
  /** Move bulk data with splice(2), through pipes as large as those of balance. */
  readonly splice: boolean;
}

const VARIANTS: readonly Variant[] = [
  { name: "haproxy", threads: 1, splice: false },
  { name: "haproxy-splice", only: "bulk", threads: 1, splice: true },
  { name: "haproxy-x2", only: "workers", threads: 2, splice: false },
];

/**
 * haproxy in TCP mode. Its default buffer is 16 KiB. Three configurations: plain, with splice for
 * the bulk figures (short messages are never spliced), and with two threads.
 */
export async function findHaproxy(): Promise<(Contender | Missing)[]> {
  const program = tool("haproxy");
  if (program === undefined) {
    return VARIANTS.map(({ name }) => ({ name, missing: "not installed" }));
  }
  const { text } = await output([program, "-v"]);
  const version = /version (\S+)/.exec(text)?.[1] ?? "version unknown";
  return VARIANTS.map((variant) => ({
    name: variant.name,
    version,
    ...(variant.only === undefined ? {} : { only: variant.only }),
    start: (place) => ({
      command: [program, "-db", "-f", `${place.folder}/haproxy.cfg`],
      files: { "haproxy.cfg": config(variant, place) },
    }),
  }));
}

function config(
  { threads, splice }: Variant,
  { port, backendPort, buffers, descriptors }: Place,
): string {
  // Two descriptors for each connection, and four for its pipes; haproxy refuses to start without.
  const max = Math.min(MAX_CONNECTIONS, Math.floor((descriptors - 200) / (splice ? 6 : 2)));
  return `global
  nbthread ${threads}
  maxconn ${max}
${buffers === "256K" ? "  tune.bufsize 262144\n" : ""}${splice ? "  tune.pipesize 262144\n" : ""}
defaults
  mode tcp
  backlog 4096
  timeout connect 5s
  timeout client 1h
  timeout server 1h
  option clitcpka
  option srvtcpka
${splice ? SPLICE : ""}
listen bench
  bind 127.0.0.1:${port}
  balance roundrobin
  server one 127.0.0.1:${backendPort}
`;
}
