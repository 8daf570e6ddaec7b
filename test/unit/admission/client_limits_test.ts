import { assert, assertEquals } from "@std/assert";
import { ClientLimits, newClientLimits, NO_LIMITS } from "../../../lib/admission/client_limits.ts";
import type { LimitsOutcome, LimitsTask } from "../../helpers/workers/limits_worker.ts";
import { t } from "../../helpers/t.ts";
import { within } from "../../helpers/t.ts";

const PURE = { permissions: "none" } as const;

t("a client may have as many connections as the limit, and gets one back when one ends", () => {
  const main = newClientLimits(1, { limits: { ...NO_LIMITS, perClient: 2 } });
  const limits = new ClientLimits(main.handle, 0), client = "192.0.2.1";
  assertEquals(times(4, () => limits.enter(client)), [
    undefined,
    undefined,
    "client limit",
    "client limit",
  ]);
  assertEquals([main.open(client), limits.enter("192.0.2.2")], [2, undefined]);
  limits.leave(client);
  assertEquals([limits.enter(client), limits.enter(client)], [undefined, "client limit"]);
}, PURE);

t("an IPv6 client is its first 64 bits, and a mapped IPv4 address is that of IPv4", () => {
  const main = newClientLimits(1, { limits: { ...NO_LIMITS, perClient: 1 } });
  const limits = new ClientLimits(main.handle, 0);
  const cases = [
    ["2001:db8::1", undefined],
    ["2001:db8:0:0:ffff:ffff:ffff:ffff", "client limit"],
    ["2001:db8:0:1::1", undefined],
    ["2001:db8:1::1", undefined],
    ["fe80::1%eth0", undefined],
    ["fe80::2%eth1", "client limit"],
    ["192.0.2.1", undefined],
    ["::ffff:192.0.2.1", "client limit"],
    ["::c000:201", undefined],
    ["::1", "client limit"],
    ["192.0.2.0", undefined],
  ] as const;
  assertEquals(
    cases.map(([client]) => [client, limits.enter(client)]),
    cases.map((one) => [...one]),
  );
}, PURE);

t(
  "a limit that is set counts connections that were open before, and one that is lifted admits",
  () => {
    const main = newClientLimits(2), client = "192.0.2.1";
    const [one, two] = [0, 1].map((worker) => new ClientLimits(main.handle, worker)) as [
      ClientLimits,
      ClientLimits,
    ];
    one.adopt(client);
    two.adopt(client);
    assertEquals(one.enter(client), undefined);
    main.limits = { ...NO_LIMITS, perClient: 3 };
    assertEquals([one.enter(client), two.enter(client)], ["client limit", "client limit"]);
    main.limits = { ...NO_LIMITS, perClient: 4 };
    assertEquals([two.enter(client), two.enter(client)], [undefined, "client limit"]);
    main.limits = NO_LIMITS;
    assertEquals([one.enter(client), main.open(client)], [undefined, 5]);
  },
  PURE,
);

t("a worker that died gives back its connections only", () => {
  const main = newClientLimits(3, { limits: { ...NO_LIMITS, perClient: 4 } });
  const [one, two] = [0, 1].map((worker) => new ClientLimits(main.handle, worker)) as [
    ClientLimits,
    ClientLimits,
  ];
  for (const limits of [one, one, two]) limits.enter("192.0.2.1");
  one.enter("192.0.2.2");
  main.releaseWorker(0);
  assertEquals([main.open("192.0.2.1"), main.open("192.0.2.2")], [1, 0]);
  // What still ends in it after that does not count twice.
  one.leave("192.0.2.1");
  assertEquals(main.open("192.0.2.1"), 1);
  main.releaseWorker(1);
  assertEquals(main.open("192.0.2.1"), 0);
}, PURE);

t("the bucket of a client holds the connections of one second, and others have their own", () => {
  let now = 0;
  const main = newClientLimits(1, { limits: { ...NO_LIMITS, clientRate: 3 } });
  const limits = new ClientLimits(main.handle, 0, () => now);
  const admitted = (client: string) =>
    times(10, () => limits.enter(client)).filter((refusal) => refusal === undefined).length;
  assertEquals([admitted("192.0.2.1"), admitted("192.0.2.2")], [3, 3]);
  assertEquals(limits.enter("192.0.2.1"), "client rate");
  now += 333;
  assertEquals(admitted("192.0.2.1"), 0);
  now += 1;
  assertEquals(admitted("192.0.2.1"), 1);
  now += 60_000;
  assertEquals(admitted("192.0.2.1"), 3);
  // Also if its connections end at once, or another rate applies.
  times(10, () => limits.leave("192.0.2.1"));
  assertEquals(admitted("192.0.2.1"), 0);
  main.limits = { ...NO_LIMITS, clientRate: 1 };
  now += 999;
  assertEquals(admitted("192.0.2.1"), 0);
  now += 1;
  assertEquals(admitted("192.0.2.1"), 1);
}, PURE);

t("the rate is checked before the number, and a refused connection does not count for it", () => {
  let now = 0;
  const main = newClientLimits(1, { limits: { perClient: 1, acceptRate: 0, clientRate: 2 } });
  const limits = new ClientLimits(main.handle, 0, () => now), client = "192.0.2.1";
  assertEquals(times(3, () => limits.enter(client)), [undefined, "client limit", "client limit"]);
  limits.leave(client);
  assertEquals(limits.enter(client), undefined);
  assertEquals(limits.enter(client), "client rate");
  now += 500;
  assertEquals(limits.enter(client), "client limit");
}, PURE);

t(
  "the rate in all: a burst of one second, then one at a time, and one that was early waits",
  () => {
    let now = 5;
    const main = newClientLimits(2, { limits: { ...NO_LIMITS, acceptRate: 4 } });
    const [one, two] = [0, 1].map((worker) => new ClientLimits(main.handle, worker, () => now)) as [
      ClientLimits,
      ClientLimits,
    ];
    assertEquals(accept(one, 4), [0, 0, 0, 0]);
    assertEquals([one.pauseMs(), two.pauseMs()], [250, 250]);
    now += 250;
    // Both wait in accept.
    assertEquals([one.pauseMs(), two.pauseMs()], [0, 0]);
    assertEquals([one.accepted(), two.accepted()], [0, 250]);
    assertEquals(one.pauseMs(), 500);
    // One of these clients is refused.
    one.uncount();
    assertEquals(one.pauseMs(), 250);
    main.limits = { ...NO_LIMITS, acceptRate: 1000 };
    assertEquals(one.pauseMs(), 0);
    main.limits = NO_LIMITS;
    assertEquals(one.pauseMs(), 0);
  },
  PURE,
);

t("a connection that is refused late is given back only if the bucket was not full since", () => {
  let now = 0;
  const main = newClientLimits(1, { limits: { ...NO_LIMITS, acceptRate: 4 } });
  const limits = new ClientLimits(main.handle, 0, () => now);
  accept(limits, 4);
  now += 400;
  accept(limits, 1);
  assertEquals(limits.pauseMs(), 100);
  // One of the first ones.
  limits.uncount(400);
  assertEquals(limits.pauseMs(), 0);
  now += 5000;
  accept(limits, 4);
  for (let i = 0; i < 3; i++) limits.uncount(5000);
  assertEquals(limits.pauseMs(), 250);
  limits.uncount();
  assertEquals(limits.pauseMs(), 0);
}, PURE);

t("without a limit for the number, clients for which there is no room are admitted", () => {
  const main = newClientLimits(1, { connections: 1, limits: { ...NO_LIMITS, clientRate: 1000 } });
  const limits = new ClientLimits(main.handle, 0), { entries } = main.handle;
  const fill = times(entries, (i) => limits.enter(`10.${i >> 16}.${i >> 8 & 255}.${i & 255}`));
  assertEquals(fill.filter((refusal) => refusal !== undefined), []);
  const client = "192.0.2.1";
  assertEquals([limits.enter(client), limits.open(client)], [undefined, 0]);
  main.limits = { ...NO_LIMITS, perClient: 1 };
  assertEquals(limits.enter("192.0.2.2"), "client limit");
  // It is not counted, so its end frees the place of nobody.
  limits.leave(client);
  assertEquals([limits.open(client), limits.open("10.0.0.1")], [0, 1]);
  limits.leave("10.0.0.1");
  assertEquals([limits.enter(client), limits.open(client)], [undefined, 1]);
}, PURE);

t("isolates with different clocks use the time of the one that is ahead", () => {
  let first = 0, second = -3_600_000;
  const main = newClientLimits(2, { limits: { ...NO_LIMITS, clientRate: 1 } });
  const one = new ClientLimits(main.handle, 0, () => first);
  const two = new ClientLimits(main.handle, 1, () => second);
  // As after a change of the system's time between the starts.
  first += 3_600_000;
  const client = "192.0.2.1";
  assertEquals([one.enter(client), two.enter(client)], [undefined, "client rate"]);
  for (let i = 0; i < 3; i++) {
    first += 500;
    second += 500;
    assertEquals([two.enter(client), one.enter(client)], ["client rate", "client rate"]);
    first += 500;
    second += 500;
    assertEquals([two.enter(client), one.enter(client)], [undefined, "client rate"]);
  }
}, PURE);

t(
  "clients are forgotten when they have left, so that any number may come one after the other",
  () => {
    let now = 0;
    const main = newClientLimits(1, {
      connections: 1,
      limits: { perClient: 1, acceptRate: 0, clientRate: 1 },
    });
    const limits = new ClientLimits(main.handle, 0, () => now), stays = "192.0.2.1";
    limits.enter(stays);
    // More than there are entries, within the second in which their buckets are not full.
    for (let i = 0; i < 200_000; i++) {
      const client = `2001:db8:${(i >> 16).toString(16)}:${(i & 0xffff).toString(16)}::1`;
      assertEquals(limits.enter(client), undefined);
      limits.leave(client);
    }
    now += 1000;
    assertEquals([limits.open(stays), limits.enter(stays)], [1, "client limit"]);
    limits.leave(stays);
    assertEquals(limits.enter(stays), undefined);
  },
  PURE,
);

t(
  "four isolates never exceed the limit of a client in a storm, and everything is given back",
  async () => {
    const workers = 4, perClient = 5;
    const clients = ["192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8:0:1::1"];
    const main = newClientLimits(workers, { limits: { ...NO_LIMITS, perClient } });
    const open = new Int32Array(new SharedArrayBuffer(clients.length * 4));
    const ready = new Int32Array(new SharedArrayBuffer(8));
    const task = { workers, ready, limits: main.handle, clients, open, wanted: 12, rounds: 10_000 };
    const outcomes = await inWorkers(Array.from({ length: workers }, (_, worker) => ({
      ...task,
      worker,
    })));
    assertEquals(Math.max(...outcomes.map(({ most }) => most)), perClient);
    // Not each of them: the others may hold everything while they do not run.
    assert(outcomes.some(({ entered }) => entered > 0));
    assert(outcomes.some(({ refused }) => refused > 0));
    assertEquals(clients.map((client) => main.open(client)), clients.map(() => 0));
  },
);

function times<T>(count: number, act: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => act(index));
}

function accept(limits: ClientLimits, count: number): number[] {
  return times(count, () => {
    const ms = limits.pauseMs();
    limits.accepted();
    return ms;
  });
}

async function inWorkers(tasks: readonly LimitsTask[]): Promise<LimitsOutcome[]> {
  const url = new URL("../../helpers/workers/limits_worker.ts", import.meta.url);
  const running = tasks.map((task) => {
    const isolate = new Worker(url, { type: "module" });
    const done = Promise.withResolvers<LimitsOutcome>();
    isolate.onmessage = ({ data }) => done.resolve(data);
    isolate.onerror = (event) => {
      event.preventDefault();
      done.reject(new Error(event.message));
    };
    isolate.postMessage(task);
    return { isolate, done: done.promise };
  });
  try {
    return await within(Promise.all(running.map(({ done }) => done)), {
      timeoutMs: 120_000,
      what: "a storm in workers",
    });
  } finally {
    for (const { isolate } of running) isolate.terminate();
  }
}
