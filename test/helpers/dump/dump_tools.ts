/**
 * Debian's tools that read dumps, and what they find in them.
 *
 * @module
 */
import { joinBytes } from "../../../lib/base/bytes.ts";
import type { Side } from "../../../lib/base/side.ts";
import { assertEquals } from "@std/assert";
import { skip, t, tool } from "../t.ts";

/** A port that no dissector of Wireshark claims, so that random bytes stay bytes. */
export const PORT = 40000;

/** Registers a test, or says which tool it lacks. */
export function withTools(names: readonly string[], name: string, fn: () => Promise<void>): void {
  const missing = names.find((each) => tool(each) === undefined);
  if (missing === undefined) t(name, fn);
  else skip(name, `${missing} is not installed`);
}

/** How a tool ended. */
export interface Result {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a tool to its end, at most a minute. */
export async function run(
  name: string,
  args: readonly string[],
  options: { cwd?: string } = {},
): Promise<Result> {
  const { code, stdout, stderr } = await new Deno.Command(tool(name)!, {
    args: [...args],
    stdin: "null",
    // A home of its own: nobody's preferences. Times in UTC.
    env: { HOME: "/proc/nonexistent", TZ: "UTC", LC_ALL: "C.UTF-8" },
    signal: AbortSignal.timeout(60_000),
    ...options,
  }).output();
  const decoder = new TextDecoder();
  return {
    code,
    stdout: decoder.decode(stdout),
    // tshark does not like root.
    stderr: decoder.decode(stderr).replace(/^Running as user .*\n/m, ""),
  };
}

/** A folder that goes away. */
export function folder() {
  const path = Deno.makeTempDirSync({ prefix: "balance-tools-" });
  return { path, [Symbol.dispose]: () => Deno.removeSync(path, { recursive: true }) };
}

/** Arguments for tshark: what goes over {@linkcode PORT} is just bytes. */
export const NO_DISSECTOR = noDissector(PORT);

/** Arguments for tshark: what goes over these ports is just bytes. */
export function noDissector(...ports: number[]): string[] {
  return ports.flatMap((port) => ["-d", `tcp.port==${port},data`]);
}

const CHECKSUMS = ["-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE"];
/** Severities of Wireshark's expert information from "note" up. */
const NOTE = 0x400000;
/** What every conversation has that was closed in order; not a complaint. */
const CLOSING = /^This frame (initiates|undergoes) the connection closing$/;

/** Messages from "note" up, those of an orderly end left out. */
export async function complaints(
  file: string,
  args: readonly string[] = NO_DISSECTOR,
): Promise<string[]> {
  const { code, stdout, stderr } = await run("tshark", [
    ...["-r", file, ...args, ...CHECKSUMS, "-Y", `_ws.expert.severity >= ${NOTE}`],
    ...["-T", "fields", "-E", "separator=|", "-E", "aggregator=|", "-e", "_ws.expert.message"],
  ]);
  assertEquals([code, stderr], [0, ""]);
  return stdout.split("\n").flatMap((line) => line.split("|"))
    .filter((message) =>
      message !== "" && !CLOSING.test(message) && !message.startsWith("Connection finish (FIN)")
    );
}

/** What `follow,tcp,raw` shows of streams: the bytes of the client's side and of the other. */
export async function follow(
  file: string,
  streams: number,
  args: readonly string[] = NO_DISSECTOR,
): Promise<{ node: string; sent: Record<Side, Uint8Array> }[]> {
  const taps = Array.from({ length: streams }, (_, i) => ["-z", `follow,tcp,raw,${i}`]).flat();
  const { code, stdout, stderr } = await run("tshark", [
    "-r",
    file,
    "-q",
    ...args,
    ...taps,
  ]);
  assertEquals([code, stderr], [0, ""]);
  const found = stdout.split(/^={67}\n/m).filter((part) => part.startsWith("Follow: tcp,raw"))
    .map((part) => {
      const lines = part.split("\n").slice(4).filter((line) => line !== "");
      const of = (indent: boolean) =>
        joinBytes(
          lines.filter((line) => line.startsWith("\t") === indent)
            .map((line) => Uint8Array.fromHex(line.trim())),
        );
      return {
        node: /Node 0: (.*)/.exec(part)![1]!,
        sent: { client: of(false), backend: of(true) },
        stream: Number(/tcp\.stream eq (\d+)/.exec(part)![1]),
      };
    });
  assertEquals(found.length, streams);
  return found.sort((a, b) => a.stream - b.stream);
}
