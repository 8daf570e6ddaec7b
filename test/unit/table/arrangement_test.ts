import { assertEquals } from "@std/assert";
import { movedCursor, type Placed } from "../../../lib/table/arrangement.ts";
import { claimOf, enter } from "../../../lib/schedule/claim.ts";
import { newTable, Table } from "../../../lib/table/table.ts";
import { randomNumbers } from "../../helpers/bytes.ts";
import { t } from "../../helpers/t.ts";

const PURE = { permissions: "none" } as const;
const V4 = Uint8Array.of(10, 0, 0, 1);

/** A channel of the model: what the table must keep about it, wherever it is. */
interface Modeled {
  readonly port: number;
  readonly accounts: number[];
  leaving: boolean;
  open: number[];
  totalc: number;
  sent: bigint;
  maxc: number;
  weight: number;
  failures: number;
  down: boolean;
  generation: number;
  id: number;
}

t("rearrange() keeps everything about channels, whatever their order: random permutations", () => {
  const seed = Math.floor(Math.random() * 2 ** 31), numbers = randomNumbers(seed);
  const below = (limit: number) => Math.floor(numbers() / 2 ** 32 * limit);
  const table = newTable({ groups: 2, channels: 8, workers: 2 });
  const other = new Table(table.handle, 1);
  let model: Modeled[] = [], port = 1;
  const group = 1;

  function modeled(channel: number): Modeled {
    const accounts = [...table.accountsOf(group, channel)];
    return {
      ...{ port: table.port(group, channel), accounts, leaving: false, open: [] },
      ...{ totalc: 0, sent: 0n, maxc: 0, weight: 1, failures: 0, down: false },
      generation: table.generation(group, channel),
      id: table.id(group, channel),
    };
  }

  for (let round = 0; round < 3000; round++) {
    const what = `seed ${seed}, round ${round}`;
    for (const [channel, one] of model.entries()) traffic(one, channel);
    if (below(3) === 0) rearrange();
    else if (below(4) === 0) {
      const channel = table.add(group, { address: V4, port: port++ });
      if (channel !== undefined) model.splice(channel, 0, modeled(channel));
    }
    check(what);
  }

  function traffic(one: Modeled, channel: number): void {
    const by = below(2) === 0 ? table : other;
    switch (below(12)) {
      case 0:
        if (one.leaving) return;
        one.open.push(by.enter(group, channel, 0));
        one.totalc++;
        return;
      case 1: {
        const account = one.open.pop();
        if (account !== undefined) table.leave(account);
        return;
      }
      case 2:
        by.addSent(one.accounts[0]!, 5);
        one.sent += 5n;
        return;
      case 3:
        table.setMaxc(group, channel, one.maxc = below(9));
        return;
      case 4:
        table.setWeight(group, channel, one.weight = below(9));
        return;
      case 5:
        by.setFailures(group, channel, one.failures = below(9));
        return;
      case 6:
        one.down = below(2) === 0;
        by.setHealth(group, channel, one.down ? "down" : "up");
    }
  }

  function rearrange(): void {
    const staying = model.filter(({ leaving }) => !leaving);
    const leaving = model.filter((one) => one.leaving);
    staying.sort(() => below(3) - 1);
    for (const one of staying.slice(below(staying.length + 1)).slice(0, below(3))) {
      staying.splice(staying.indexOf(one), 1);
      one.leaving = true;
      leaving.push(one);
    }
    const places: Placed[] = [...staying, ...leaving].map((one) => {
      return { from: model.indexOf(one), leaving: one.leaving };
    });
    const wants = below(3), added: number[] = [];
    for (let n = 0; n < wants && staying.length + n < 8; n++) {
      const at = below(staying.length + n + 1);
      places.splice(at, 0, { add: { address: V4, port: port++ } });
      added.push(at);
    }
    const next: (Modeled | undefined)[] = places.map((one) =>
      "from" in one ? model[one.from] : undefined
    ).filter((one) => one === undefined || !one.leaving || one.open.length > 0);
    const before = snapshot();
    if (!table.rearrange(new Map([[group, places]]))) {
      assertEquals(next.length > table.slots, true);
      assertEquals(snapshot(), before);
      for (const one of model) one.leaving = table.isLeaving(group, model.indexOf(one));
      return;
    }
    model = next.map((one, channel) => one ?? modeled(channel));
  }

  function snapshot() {
    return [...table.rowsByAddress()];
  }

  function check(what: string): void {
    assertEquals(table.length(group), model.length, what);
    assertEquals(table.active(group), model.filter(({ leaving }) => !leaving).length, what);
    for (const [channel, one] of model.entries()) {
      const row = other.row(group, channel);
      const { port, c, totalc, sent, maxc, weight, health } = row;
      assertEquals(
        { port, c, totalc, sent, maxc, weight, down: health === "down" },
        {
          ...{ port: one.port, c: one.open.length, totalc: one.totalc, sent: one.sent },
          ...{ maxc: one.maxc, weight: one.weight, down: one.down },
        },
        what,
      );
      assertEquals(other.failures(group, channel), one.failures, what);
      assertEquals(other.generation(group, channel), one.generation, what);
      assertEquals(other.find(one.id), { group, channel }, what);
      for (const account of one.open) {
        assertEquals(other.placeOf(account), { group, channel }, what);
        assertEquals(other.ownerOf(account), one.id, what);
      }
    }
  }
}, PURE);

t("movedCursor() stays at its channel, or goes to the next one that stays", () => {
  const from = (...channels: number[]): Placed[] => channels.map((from) => ({ from }));
  assertEquals(movedCursor(from(2, 0, 1), 1, 3), 2);
  assertEquals(movedCursor(from(2, 0), 1, 3), 0);
  assertEquals(movedCursor(from(1, 0), 2, 3), 1);
  assertEquals(movedCursor([{ from: 0, leaving: true }], 0, 1), 0);
  assertEquals(movedCursor([{ add: { address: V4, port: 1 } }, ...from(1)], 1, 2), 1);
}, PURE);

t("a claim names the place of its channel, and after its end the last one", () => {
  const table = newTable({ groups: 1, channels: 4, workers: 1 });
  for (const port of [1, 2, 3]) table.add(0, { address: V4, port });
  table.setCaution(0, 0, "half open");
  const entry = table.locked(() => enter(table, { group: 0, channel: 0, worker: 0 }));
  const claim = claimOf(table, entry);
  table.rearrange(new Map([[0, [{ from: 2 }, { from: 0 }, { from: 1 }]]]));
  assertEquals([claim.channel, claim.backend.port, table.isProbed(0, 1)], [1, 1, true]);
  claim[Symbol.dispose]();
  assertEquals([table.isProbed(0, 1), table.c(0, 1), claim.channel], [false, 0, 1]);
  table.rearrange(new Map([[0, [{ from: 0 }, { from: 2 }, { from: 1 }]]]));
  assertEquals(claim.place, { group: 0, channel: 1 });
}, PURE);
