/**
 * Tools that read dumps (tshark, text2pcap, tcpdump ...), and what they find in them.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { joinBytes } from "../../../lib/base/bytes.ts";
import type { Side } from "../../../lib/base/side.ts";
import { runProgram } from "../program/start_program.ts";
import { tool } from "../t.ts";

/** A port without a dissector in Wireshark, so that random bytes stay bytes. */
export const PORT = 40000;

/** Runs a tool until it ends, at most a minute. */
export async function run(
  name: string,
  args: readonly string[],
  options: { cwd?: string } = {},
): Promise<{ code: number; stdout: string; stderr: string }> {
  const { code, stdout, stderr } = await runProgram(tool(name)!, args, {
    // Without the user's preferences, and with times in UTC.
    env: { HOME: "/proc/nonexistent", TZ: "UTC", LC_ALL: "C.UTF-8" },
    timeoutMs: 60_000,
    ...options,
  });
  // tshark warns root.
  return { code, stdout, stderr: stderr.replace(/^Running as user .*\n/m, "") };
}

/** Arguments that make tshark show the traffic of {@linkcode PORT} as plain bytes. */
export const NO_DISSECTOR = noDissector(PORT);

/** Arguments that make tshark show the traffic of these ports as plain bytes. */
export function noDissector(...ports: number[]): string[] {
  return ports.flatMap((port) => ["-d", `tcp.port==${port},data`]);
}

const CHECKSUMS = ["-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE"];
/** Severities of Wireshark's expert information from "note" up. */
const NOTE = 0x400000;
/** Every conversation that was closed in order has these; they are not complaints. */
const CLOSING = /^This frame (initiates|undergoes) the connection closing$/;

/** Wireshark's expert messages from "note" up, without those of an orderly end. */
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

/** What `follow,tcp,raw` shows of the first streams: the bytes of both sides. */
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
