/**
 * Runs a story over real sockets, and compares what arrives with the model.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { Buffer } from "node:buffer";
import { otherSide, type Side } from "../../../lib/base/side.ts";
import type { RelayEnd } from "../../../lib/engine/engine.ts";
import { randomBytes } from "../bytes.ts";
import type { RawEnd, RawSocket } from "../net/raw_sockets.ts";
import { sleep, until } from "../t.ts";
import {
  type Action,
  type EndState,
  type Expected,
  expected,
  type Leaving,
  type Story,
  storyText,
} from "./story.ts";

/** The two ends of a connection through balance, and what its engine reports if that is known. */
export interface Stage extends AsyncDisposable {
  readonly client: RawSocket;
  readonly backend: RawSocket;
  /** How the relay has ended; `undefined`: not yet. */
  readonly end?: () => RelayEnd | undefined;
  /** Bytes moved so far, by their sender. */
  readonly moved?: () => Readonly<Record<Side, number>>;
}

/** What an engine promises beyond the model. */
export interface Promises {
  /** A reset arrives as a reset, even if the other end does not read. */
  readonly passesResets: boolean;
}

/** What happened in a story, for the figures. */
export interface Outcome {
  readonly outcome: Expected["outcome"];
  readonly bytes: number;
}

/** A prime length, so that streams at different offsets never look alike for long. */
const BLOCK = randomBytes(65_521, 11);
const SIDES: readonly Side[] = ["client", "backend"];
const WAIT_MS = 20_000;
/** Reads of one end in a row before the other one has its turn. */
const READS = 16;
const buffer = new Uint8Array(65_536);

/** One end. */
interface End extends EndState {
  readonly socket: RawSocket;
  finished: boolean;
  gone: "close" | "reset" | undefined;
  reads: boolean;
  /** Bytes that it still has to send. */
  pending: number;
  sent: number;
  received: number;
  /** How its input ended. */
  ended: RawEnd | undefined;
  /** Whether FIN has been sent. */
  halfClosed: boolean;
}

interface Play {
  readonly ends: Record<Side, End>;
  left: Leaving | undefined;
  sentLater: boolean;
  endedLater: boolean;
}

/**
 * Runs a story.
 *
 * @throws {Error} With the story and its seed if anything differs from the model.
 */
export async function runStory(story: Story, stage: Stage, promises: Promises): Promise<Outcome> {
  const play: Play = {
    ends: { client: endOf(stage.client), backend: endOf(stage.backend) },
    left: undefined,
    sentLater: false,
    endedLater: false,
  };
  try {
    for (const step of story.steps) {
      if ("side" in step) act(play, step);
      else if (step.does === "turn") await sleep(0);
      else await settle(play, stage, promises);
      pump(play);
    }
    for (const side of SIDES) play.ends[side].reads = true;
    await settle(play, stage, promises);
    for (const side of SIDES) act(play, { side, does: "half-close" });
    await until(() => {
      pump(play);
      return alive(play).every(({ ended }) => ended !== undefined) &&
        (stage.end === undefined || stage.end() !== undefined);
    }, { timeoutMs: WAIT_MS, everyMs: 1, what: "the end" });
    compare(play, stage, promises);
  } catch (error) {
    const ends = SIDES.map((side) => `${side} ${JSON.stringify(figures(play.ends[side]))}`);
    const report = { ends, moved: stage.moved?.(), end: stage.end?.(), expected: model(play) };
    throw new Error(`${storyText(story)}; ${JSON.stringify(report)}: ${error}`, { cause: error });
  } finally {
    for (const { socket } of Object.values(play.ends)) socket.close();
  }
  return { outcome: model(play).outcome, bytes: play.ends.client.sent + play.ends.backend.sent };
}

function endOf(socket: RawSocket): End {
  return {
    socket,
    finished: false,
    gone: undefined,
    reads: true,
    pending: 0,
    sent: 0,
    received: 0,
    ended: undefined,
    halfClosed: false,
  };
}

function figures({ socket: _, ...rest }: End): unknown {
  return rest;
}

function alive({ ends }: Play): End[] {
  return SIDES.map((side) => ends[side]).filter(({ gone }) => gone === undefined);
}

function model({ ends, left, sentLater, endedLater }: Play): Expected {
  return expected(ends, left, { sentLater, endedLater });
}

/** Does one step of one end; what is impossible after earlier ones is left out. */
function act(play: Play, step: Action): void {
  const own = play.ends[step.side];
  if (own.gone !== undefined) return;
  switch (step.does) {
    case "send":
      if (!own.finished) own.pending += step.bytes;
      return;
    case "stop":
    case "resume":
      own.reads = step.does === "resume";
      return;
    case "half-close":
      if (play.left !== undefined && own.ended === undefined) play.endedLater = true;
      own.finished = true;
      return;
    case "close":
    case "reset":
      leave(play, step.side, step.does);
  }
}

function leave(play: Play, side: Side, how: "close" | "reset"): void {
  const own = play.ends[side], other = play.ends[otherSide(side)];
  if (play.left === undefined) {
    const afterAnEnd = own.finished || other.finished;
    const hadReadAll = own.received === other.sent;
    const isCutOff = how === "reset" && !own.finished;
    play.left = { by: side, how, afterAnEnd, isCutOff, hadReadAll };
  } else play.endedLater = true;
  own.gone = how;
  own.finished = true;
  own.pending = 0;
  own.socket[how]();
}

/** Sends and receives what is possible now. */
function pump(play: Play): void {
  for (const side of SIDES) {
    const own = play.ends[side];
    if (own.gone !== undefined) continue;
    send(play, side);
    if (own.finished && own.pending === 0 && !own.halfClosed) {
      own.halfClosed = true;
      own.socket.closeWrite();
    }
    for (let n = 0; n < READS && own.reads && own.ended === undefined; n++) {
      if (!receive(own, side)) break;
    }
  }
}

function send(play: Play, side: Side): void {
  const own = play.ends[side];
  while (own.pending > 0) {
    const from = offset(side, own.sent);
    const taken = own.socket.send(BLOCK.subarray(from, from + own.pending));
    if (taken === "reset") {
      own.pending = 0;
      own.ended ??= "reset";
    } else {
      if (taken === 0) return;
      own.sent += taken;
      own.pending -= taken;
      if (play.left !== undefined) play.sentLater = true;
    }
  }
}

/** @returns Whether there may be more. */
function receive(own: End, side: Side): boolean {
  const count = own.socket.receive(buffer);
  if (typeof count === "string") {
    own.ended = count;
    return false;
  }
  for (let at = 0; at < count;) {
    const from = offset(otherSide(side), own.received);
    const length = Math.min(count - at, BLOCK.length - from);
    const same = Buffer.from(buffer.buffer, at, length).equals(BLOCK.subarray(from, from + length));
    assert(same, `wrong bytes at the ${side} in ${own.received}..${own.received + length}`);
    at += length;
    own.received += length;
  }
  return count > 0;
}

/** Where the bytes of a stream at a position are in the block. */
function offset(sender: Side, position: number): number {
  return (position + (sender === "client" ? 0 : 30_011)) % BLOCK.length;
}

/** Waits until everything that is due has arrived, and asserts that nothing else has. */
async function settle(play: Play, stage: Stage, promises: Promises): Promise<void> {
  // A reset that nobody can notice yet, a cut, or an end that does not read: nothing to wait for.
  await sleep(1);
  await until(() => {
    pump(play);
    const { outcome, by } = model(play);
    if (outcome === "cut") return true;
    if (outcome === "reset") return resetArrived(play, by!, stage, promises);
    return SIDES.every((side) => arrived(play.ends[side], play.ends[otherSide(side)]));
  }, { timeoutMs: WAIT_MS, everyMs: 1, what: "what is due" });
  if (model(play).outcome !== "open") return;
  assertEquals(stage.end?.(), undefined, "the relay has ended too early");
  for (const side of SIDES) {
    const early = play.ends[side].ended !== undefined && !play.ends[otherSide(side)].finished;
    assert(!early, `the input of the ${side} has ended too early`);
  }
}

/** Whether all bytes, and the end, of one end are at the other. */
function arrived(from: End, to: End): boolean {
  if (!to.reads || to.gone !== undefined) return true;
  return from.pending === 0 && to.received === from.sent &&
    (!from.finished || to.ended !== undefined);
}

/** Whether the reset of one end has ended the relay, and has arrived at the other if that reads. */
function resetArrived({ ends }: Play, by: Side, stage: Stage, promises: Promises): boolean {
  const other = ends[otherSide(by)];
  // What one end sent before its reset is delivered first.
  const isDelivered = stage.moved?.()[by] === ends[by].sent;
  if (!other.reads && !(promises.passesResets && isDelivered)) return true;
  const hasEnded = stage.end === undefined || stage.end() !== undefined;
  return hasEnded && (other.ended !== undefined || !other.reads);
}

/** Compares the end of a story with the model. */
function compare(play: Play, stage: Stage, promises: Promises): void {
  const { ends } = play, { outcome, by } = model(play);
  const moved = stage.moved?.();
  for (const side of SIDES) {
    const from = ends[side], to = ends[otherSide(side)];
    assert(to.received <= from.sent, `more has arrived than the ${side} has sent`);
    if (moved) assert(moved[side] <= from.sent, `${moved[side]} moved of ${from.sent}`);
    if (outcome !== "complete") continue;
    assertEquals(to.received, from.sent, `bytes of the ${side}`);
    if (to.gone === undefined) assertEquals(to.ended, "end", `the end of the ${side}`);
    if (moved) assertEquals(moved[side], from.sent, `the counter of the ${side}`);
  }
  assert(outcome !== "open", "the model is wrong: everything has ended");
  if (promises.passesResets && play.left?.isCutOff && !play.endedLater) {
    // Whatever else has ended: a stream that was cut off does not look complete.
    assert(ends[otherSide(play.left.by)].ended !== "end", "a reset arrived as an end");
  }
  if (outcome === "complete" && stage.end) assertEquals(stage.end()?.how, "end");
  if (outcome !== "reset") return;
  const end = stage.end?.();
  if (promises.passesResets) assertEquals(ends[otherSide(by!)].ended, "reset");
  // With streams, a pending write may take the error of the reset; the read then sees an end.
  if (end) assertEquals(end, { side: by!, how: promises.passesResets ? "reset" : end.how });
}
