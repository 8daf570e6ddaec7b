import { assertEquals } from "@std/assert";
import type { Entry } from "../../../lib/schedule/claim.ts";
import {
  type LineHandle,
  LineMemory,
  newLine,
  type Waiter,
} from "../../../lib/wait_line/line_memory.ts";
import { t } from "../../helpers/t.ts";

const PURE = { permissions: "none" } as const;

const GRANT: Entry = { account: 7, generation: 5, isProbe: true };

function waiter(id: number, worker = 0): Waiter {
  return { id, worker, hash: 0xfffffffe, key: { high: -1, low: 17 } };
}

/** An empty line, and the same memory as another isolate sees it. */
function lines(max: number): { line: LineMemory; other: LineMemory; handle: LineHandle } {
  const handle = newLine(max);
  return { line: new LineMemory(handle), other: new LineMemory(handle), handle };
}

/** The numbers of the waiting connections, in order. */
function order(line: LineMemory): number[] {
  return [...line.waiting()].map((place) => line.waiter(place).id);
}

/** Takes places for these connections, in this order. */
function take(line: LineMemory, ...ids: number[]): number[] {
  return ids.map((id) => line.take(waiter(id))!);
}

t("LineMemory sorts by the number of the connection, not by arrival", () => {
  const { line, other } = lines(10);
  assertEquals([line.length, order(line)], [0, []]);
  take(line, 5, 9);
  take(other, 7, 1, 10, 6);
  assertEquals(order(line), [1, 5, 6, 7, 9, 10]);
  assertEquals(order(other), order(line));
  assertEquals([line.length, other.length], [6, 6]);
}, PURE);

t("LineMemory sorts across the wrap of connection numbers after 2^32", () => {
  const { line } = lines(10);
  take(line, 2, 2 ** 32 - 1, 1, 0, 2 ** 32 - 2);
  assertEquals(order(line).map((id) => id >>> 0), [2 ** 32 - 2, 2 ** 32 - 1, 0, 1, 2]);
}, PURE);

t("LineMemory keeps worker, hash and key of a waiting client", () => {
  const { line, other } = lines(2);
  const place = line.take(waiter(8, 3))!;
  assertEquals(other.waiter(place), waiter(8, 3));
}, PURE);

t("remove() takes out the first, the last and a place in the middle", () => {
  const { line } = lines(10);
  const [one, two, three, four, five] = take(line, 1, 2, 3, 4, 5);
  const after = (place: number | undefined) => {
    line.remove(place!);
    line.giveBack(place!);
    return order(line);
  };
  assertEquals(after(three), [1, 2, 4, 5]);
  assertEquals(after(one), [2, 4, 5]);
  assertEquals(after(five), [2, 4]);
  take(line, 3, 6);
  assertEquals(order(line), [2, 3, 4, 6]);
  assertEquals(after(four), [2, 3, 6]);
  assertEquals(after(two), [3, 6]);
  assertEquals(line.length, 2);
}, PURE);

t("waiting() goes on while the places it yields are removed", () => {
  const { line } = lines(5);
  take(line, 1, 2, 3, 4);
  const seen: number[] = [];
  for (const place of line.waiting()) {
    seen.push(line.waiter(place).id);
    if (seen.length !== 2) line.grant(place, GRANT);
  }
  assertEquals([seen, order(line), line.length], [[1, 2, 3, 4], [2], 1]);
}, PURE);

t("take() refuses when the line is full, until a client has left", () => {
  const { line } = lines(2);
  const [first] = take(line, 1, 2);
  assertEquals(line.take(waiter(3)), undefined);
  line.remove(first!);
  line.giveBack(first!);
  assertEquals(typeof line.take(waiter(3)), "number");
  assertEquals(line.take(waiter(4)), undefined);
  assertEquals(order(line), [2, 3]);
}, PURE);

t("a granted place is out of the line, and its grant can be read until it is given back", () => {
  const { line, other } = lines(1);
  const place = line.take(waiter(1))!;
  assertEquals(line.granted(place), undefined);
  line.grant(place, GRANT);
  assertEquals([line.length, order(line)], [0, []]);
  assertEquals(other.granted(place), GRANT);
  // There is room for another client, at another place.
  const next = line.take(waiter(2))!;
  assertEquals(other.granted(place), GRANT);
  line.grant(next, { ...GRANT, account: 9 });
  // Both places are taken until the workers have noticed.
  assertEquals(line.take(waiter(3)), undefined);
  line.giveBack(place);
  assertEquals(line.take(waiter(3)), place);
  assertEquals(line.granted(place), undefined);
}, PURE);

t("places that are given back can be taken again, ten thousand times", () => {
  const { line } = lines(3);
  for (let id = 1; id <= 10_000; id++) {
    const place = line.take(waiter(id))!;
    if (id % 2 === 0) line.grant(place, GRANT);
    else line.remove(place);
    line.giveBack(place);
  }
  take(line, 1, 2, 3);
  assertEquals([line.length, order(line)], [3, [1, 2, 3]]);
}, PURE);

t("releaseWorker() frees the places of one worker only, waiting and granted", () => {
  const { line } = lines(3);
  const places = [waiter(1, 0), waiter(2, 1), waiter(3, 1)].map((one) => line.take(one)!);
  line.grant(places[1]!, GRANT);
  line.take(waiter(4, 0));
  line.releaseWorker(1);
  assertEquals([order(line), line.length], [[1, 4], 2]);
  line.releaseWorker(1);
  line.releaseWorker(0);
  assertEquals([order(line), line.length], [[], 0]);
  // All six places are free, each once.
  const taken: number[] = [];
  for (let id = 10; id < 16; id++) {
    const place = line.take(waiter(id))!;
    line.grant(place, GRANT);
    taken.push(place);
  }
  assertEquals(taken.sort(), [1, 2, 3, 4, 5, 6]);
  assertEquals(line.take(waiter(16)), undefined);
}, PURE);
