/**
 * `deno run -A scripts/package/render_top.ts`: draws a frame of `top` into `top.svg` for README.md,
 * from a real run on a real terminal (tmux), with backends and clients on loopback addresses.
 */

import { delay } from "@std/async/delay";
import { type Backend, backend } from "../../test/helpers/net/backends.ts";
import { connect, readExactly } from "../../test/helpers/net/client.ts";
import { program } from "../../test/helpers/program/program.ts";
import { startControlled } from "../../test/helpers/program/start_controlled.ts";
import { startTmux } from "../../test/helpers/program/start_tmux.ts";
import { later } from "../../test/helpers/t.ts";
import { writeAll } from "../../lib/base/bytes.ts";

const COLUMNS = 96, ROWS = 26;
/** Bytes of a request, maximum size of an answer as a multiple of it, requests per connection. */
const REQUEST_BYTES = 400, MAX_ANSWER_FACTOR = 120, REQUESTS = 400;
const CLIENTS = 40;

/** Answers each request with a multiple of its size, given by its first byte. */
function server(hostname: string): Backend {
  return backend(async (conn) => {
    for (;;) {
      const request = await readExactly(conn, REQUEST_BYTES).catch(() => undefined);
      if (request === undefined) return;
      await writeAll(conn, new Uint8Array(REQUEST_BYTES * (request[0] ?? 1)));
    }
  }, { hostname, port: 8080 });
}

/** Connects again and again, each time for some requests, until the signal. */
async function visit(port: number, number: number, stop: AbortSignal): Promise<void> {
  const factor = 1 + (number * 37) % MAX_ANSWER_FACTOR;
  const request = new Uint8Array(REQUEST_BYTES).fill(factor);
  while (!stop.aborted) {
    await using client = await connect(port, { from: `127.0.2.${number}` });
    for (let i = 0; i < (REQUESTS * number) / CLIENTS && !stop.aborted; i++) {
      await client.send(request);
      await readExactly(client, REQUEST_BYTES * factor);
      await delay(5 + number);
    }
  }
}

/** Consecutive characters with the same attributes. */
interface Run {
  text: string;
  bold: boolean;
  dim: boolean;
  reverse: boolean;
}

/** Splits a line with SGR sequences into runs. */
function runsOf(line: string): Run[] {
  const runs: Run[] = [];
  const attributes = { bold: false, dim: false, reverse: false };
  // deno-lint-ignore no-control-regex
  for (const part of line.split(/(\x1b\[[\d;]*m)/)) {
    if (!part.startsWith("\x1b")) {
      if (part !== "") runs.push({ text: part, ...attributes });
      continue;
    }
    for (const code of part.slice(2, -1).split(";").map(Number)) {
      if (code === 0) Object.assign(attributes, { bold: false, dim: false, reverse: false });
      else if (code === 1) attributes.bold = true;
      else if (code === 2) attributes.dim = true;
      else if (code === 7) attributes.reverse = true;
      else if (code === 27) attributes.reverse = false;
      else if (code === 22) Object.assign(attributes, { bold: false, dim: false });
    }
  }
  return runs;
}

const WIDTH = 8.4, HEIGHT = 18, SIZE = 14, MARGIN = 14;
const BACK = "#1b1f24", FORE = "#d0d7de", BRIGHT = "#ffffff", FAINT = "#8b949e";

/**
 * A screen as SVG. Each run has an explicit length, so that columns line up in any font.
 *
 * @param lines Its lines, with SGR sequences.
 */
function svg(lines: readonly string[]): string {
  const width = Math.ceil(COLUMNS * WIDTH + 2 * MARGIN), height = ROWS * HEIGHT + 2 * MARGIN;
  const round = (value: number) => Math.round(value * 10) / 10;
  const parts = lines.flatMap((line, row) => {
    const y = MARGIN + row * HEIGHT;
    let column = 0;
    const runs = runsOf(line);
    // tmux drops blanks at the end of a line, but a heading extends to the edge.
    const last = runs.at(-1);
    if (last?.reverse) last.text = last.text.padEnd(COLUMNS);
    return runs.flatMap(({ text, bold, dim, reverse }) => {
      const start = column + text.length - text.trimStart().length;
      const x = round(MARGIN + start * WIDTH);
      const shown = text.trim();
      const box = `<rect x="${round(MARGIN + column * WIDTH)}" y="${y}" ` +
        `width="${round(text.length * WIDTH)}" height="${HEIGHT}" fill="${FORE}"/>`;
      column += text.length;
      const fill = reverse ? BACK : bold ? BRIGHT : dim ? FAINT : FORE;
      const escaped = shown.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
      return [
        ...(reverse ? [box] : []),
        ...(shown === "" ? [] : [
          `<text x="${x}" y="${y + HEIGHT - 5}" textLength="${round(shown.length * WIDTH)}" ` +
          `fill="${fill}"${bold ? ' font-weight="bold"' : ""}>${escaped}</text>`,
        ]),
      ];
    });
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" ` +
    `width="${width}" height="${height}" role="img">\n` +
    `<title>balance: top</title>\n<rect width="${width}" height="${height}" rx="8" ` +
    `fill="${BACK}"/>\n<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, ` +
    `'DejaVu Sans Mono', monospace" font-size="${SIZE}" xml:space="preserve">\n` +
    `${parts.join("\n")}\n</g>\n</svg>\n`;
}

/** Runs balance under traffic and writes the file. */
async function main(): Promise<void> {
  const hosts = ["127.0.1.1", "127.0.1.2", "127.0.1.3", "127.0.1.9"];
  await using stack = new AsyncDisposableStack();
  for (const host of hosts) stack.use(server(host));
  const [one, two, three, spare] = hosts.map((host) => `${host}:8080`);
  await using balance = await startControlled([
    "-f",
    "PORT",
    one!,
    two!,
    `${three}:10`,
    "!",
    spare!,
  ]);
  const stop = new AbortController();
  const visits = later(Promise.all(
    Array.from({ length: CLIENTS }, (_, i) => visit(balance.port, i + 1, stop.signal)),
  ));
  const { command, args } = program();
  await using terminal = await startTmux([command, ...args, "-i", String(balance.port)], {
    columns: COLUMNS,
    rows: ROWS,
    env: { BALANCE_RUNDIR: balance.rundir, DENO_NO_UPDATE_CHECK: "1" },
  });
  await terminal.shows(/^balance\[0\]$/m);
  await terminal.type("top");
  await terminal.press("Enter");
  await terminal.shows(/up 1[0-9]s/);
  const lines = (await terminal.looks()).split("\n").slice(0, ROWS);
  Deno.writeTextFileSync(`${import.meta.dirname}/top.svg`, svg(lines));
  console.log(await terminal.screen());
  await terminal.press("q");
  stop.abort();
  await visits.catch(() => {});
}

if (import.meta.main) await main();
