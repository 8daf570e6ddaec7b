/**
 * Whole conversations printed by `-p` as in 3.35: each is played with the program as a subprocess,
 * and again in this process, where the counters can be read.
 */

import { assert, assertEquals } from "@std/assert";
import { textBlocks } from "../../lib/dump/formats/text.ts";
import { designed } from "./deviations.ts";
import { accepting, type Peer } from "../helpers/net/accepting.ts";
import { canReset } from "../helpers/net/backends.ts";
import { type Client, connect, readExactly, readToEnd } from "../helpers/net/client.ts";
import { type DumpBlock, parseDump } from "../helpers/dump/packet_dump.ts";
import {
  bytesFromBase64,
  bytesFromLatin1,
  latin1FromBytes,
  loadGolden,
} from "../helpers/golden/golden.ts";
import { pool } from "../helpers/pool.ts";
import { asProgram, inProcess, type RunningBalance } from "../helpers/program/run_modes.ts";
import { skip, t, until } from "../helpers/t.ts";
import { sha256 } from "../helpers/bytes.ts";

interface SessionRecord {
  name: string;
  /** Direction and number of bytes; 0 is an orderly end, -1 a reset. */
  events: ["->" | "-<", number][];
  stdout_base64: string | null;
  stdout_sha256?: string;
  stdout_len?: number;
  stderr: string;
  client_saw: string;
  final_c: number;
  totalc: number;
  sent: number;
  rcvd: number;
}

/**
 * Sessions that send without waiting for each block: the system decides how much one read returns,
 * so only the bytes and the maximum block size of 32768 are asserted.
 */
const FREE_CHUNKS = ["small_writes_unpaused", "c2s_100000", "s2c_1000000"];
/** Sessions that send everything at once and are nevertheless read in known blocks. */
const AT_ONCE = ["c2s_32769", "c2s_65536"];
const BLOCK_BYTES = 32768;

const all = designed("packetdump_sessions", loadGolden<SessionRecord>("packetdump_sessions"));
const [playable, needReset] = [
  all.filter((record) => canReset || !resets(record)),
  all.filter((record) => !canReset && resets(record)),
];
if (needReset.length > 0) {
  skip(
    `${needReset.length} sessions in which a side is reset`,
    "this version of Deno cannot reset a connection",
  );
}

t("parseDump() reads back what textBlocks() prints", () => {
  const bytes = Uint8Array.from({ length: 700 }, (_, i) => i % 256);
  const printed = new Uint8Array([...textBlocks("client", bytes), ...textBlocks("backend", bytes)]);
  assertEquals(parseDump(printed), [
    { arrow: "->", count: 700, bytes },
    { arrow: "-<", count: 700, bytes },
  ]);
});

for (const theatre of [asProgram, inProcess]) {
  t(`${playable.length} sessions are dumped as in 3.35: ${theatre.name}`, async () => {
    assertEquals(all.length, 16);
    await pool(playable, { limit: 3, name: ({ name }) => name }, async (record) => {
      await using backend = await accepting({ viaNode: sideOfReset(record) === "-<" });
      await using stage = await theatre.start(["-f", "-p", "PORT", backend.address]);
      await using client = await connect(stage.port, { viaNode: sideOfReset(record) === "->" });
      const peer = await backend.accept();
      const saw = await converse(record, { stage, client, peer });
      await stage.idle?.();
      assertPrinted(stage.stdoutBytes(), record);
      assertEquals(stage.stderr(), record.stderr);
      const [end = ""] = record.client_saw.split(" ");
      if (end === "EOF" || end === "RST") assertEquals(saw, end);
      const row = stage.row?.(0);
      if (row === undefined) return;
      assertEquals(
        [row.c, row.totalc, Number(row.sent), Number(row.rcvd)],
        [record.final_c, record.totalc, record.sent, record.rcvd],
      );
    });
  });
}

/** Plays a session to its end; returns how it ended for the client if the backend ended it. */
async function converse(
  record: SessionRecord,
  { stage, client, peer }: { stage: RunningBalance; client: Client; peer: Peer },
): Promise<string> {
  let saw = "";
  for (const { arrow, count, bytes } of turns(record)) {
    const fromClient = arrow === "->";
    if (count > 0) {
      const [from, to] = fromClient ? [client, peer] : [peer, client];
      const sending = record.name === "small_writes_unpaused"
        ? sendByTwo(from, bytes)
        : from.send(bytes);
      if (record.name === "client_closes_with_unread") {
        // The first byte proves that the bytes have arrived; the others stay unread.
        await readExactly(to, 1);
        await sending;
        continue;
      }
      assertEquals(sha256(await readExactly(to, count)), sha256(bytes));
      await sending;
    } else if (count < 0) {
      // Everything sent before the reset has been read.
      if (fromClient) await client.reset();
      else {
        peer.reset();
        saw = (await readToEnd(client)).end;
      }
    } else if (!fromClient) {
      peer.close();
      saw = (await readToEnd(client)).end;
    } else if (record.name === "client_half_close") {
      await client.closeWrite();
      assertEquals((await readToEnd({ read: (buffer) => peer.read(buffer) })).bytes.length, 0);
    } else await client.close();
    // The end of a direction is printed before the next step.
    if (count <= 0) await until(() => printedEnds(stage).includes(`${arrow} ${count}`));
  }
  await client.close();
  peer.close();
  return saw;
}

/** The blocks to send: those of the record, merged if the session sends everything at once. */
function turns(record: SessionRecord): DumpBlock[] {
  const blocks = recordedBlocks(record);
  if (!FREE_CHUNKS.includes(record.name) && !AT_ONCE.includes(record.name)) return blocks;
  return together(blocks);
}

/** Merges neighboring blocks of one direction. */
function together(blocks: readonly DumpBlock[]): DumpBlock[] {
  const result: DumpBlock[] = [];
  for (const block of blocks) {
    const last = result.at(-1);
    if (last === undefined || last.arrow !== block.arrow || block.count <= 0) {
      result.push({ ...block });
      continue;
    }
    last.bytes = joined([last.bytes, block.bytes]);
    last.count = last.bytes.length;
  }
  return result;
}

/** The blocks of a record; large ones are recorded only as a checksum of known content. */
function recordedBlocks(record: SessionRecord): DumpBlock[] {
  if (record.stdout_base64 !== null) return parseDump(bytesFromBase64(record.stdout_base64));
  let sent = 0;
  return record.events.map(([arrow, count]) => {
    const size = Math.max(0, count);
    const numbers = Array.from({ length: 200 }, (_, i) => String(i % 100).padStart(2, "0"));
    const bytes = record.name === "small_writes_unpaused"
      ? bytesFromLatin1(numbers.join("").slice(sent, sent + size))
      : new Uint8Array(size).fill((arrow === "->" ? "a" : "b").charCodeAt(0));
    sent += size;
    return { arrow, count, bytes };
  });
}

/** The printed blocks of a record, verified with the recorded checksum. */
function recordedText(record: SessionRecord): Uint8Array {
  const printed = joined(
    recordedBlocks(record).map(({ arrow, count, bytes }) =>
      count > 0
        ? textBlocks(arrow === "->" ? "client" : "backend", bytes)
        : bytesFromLatin1(`${arrow} ${count}\n\n`)
    ),
  );
  if (record.stdout_sha256 !== undefined) {
    assertEquals([printed.length, sha256(printed)], [record.stdout_len, record.stdout_sha256]);
  }
  return printed;
}

function assertPrinted(printed: Uint8Array<ArrayBuffer>, record: SessionRecord): void {
  const recorded = recordedText(record);
  if (!FREE_CHUNKS.includes(record.name)) {
    if (sha256(printed) !== sha256(recorded)) {
      assertEquals(latin1FromBytes(printed), latin1FromBytes(recorded));
    }
    return;
  }
  const blocks = parseDump(printed);
  for (const { count } of blocks) assert(count <= BLOCK_BYTES, `a block of ${count} bytes`);
  assertEquals(sums(together(blocks)), sums(together(parseDump(recorded))));
  // Whatever the block sizes are, each block is printed as by 3.35.
  const again = blocks.filter(({ count }) => count > 0).map(({ arrow, bytes }) =>
    textBlocks(arrow === "->" ? "client" : "backend", bytes).length
  );
  const ends = blocks.filter(({ count }) => count <= 0).length * "-> 0\n\n".length;
  assertEquals(printed.length, again.reduce((sum, length) => sum + length, ends));
}

function joined(pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

function sums(blocks: readonly DumpBlock[]): string[] {
  return blocks.map(({ arrow, count, bytes }) => `${arrow} ${count} ${sha256(bytes)}`);
}

async function sendByTwo(to: Pick<Client, "send">, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
  for (let at = 0; at < bytes.length; at += 2) await to.send(bytes.slice(at, at + 2));
}

function printedEnds(stage: RunningBalance): string[] {
  return latin1FromBytes(stage.stdoutBytes().slice(-64)).match(/^-[><] (0|-1)$/gm) ?? [];
}

function resets(record: SessionRecord): boolean {
  return sideOfReset(record) !== undefined;
}

function sideOfReset(record: SessionRecord): "->" | "-<" | undefined {
  return record.events.find(([, count]) => count < 0)?.[0];
}
