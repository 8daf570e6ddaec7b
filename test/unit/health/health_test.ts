import { assert, assertEquals } from "@std/assert";
import { writeAll } from "../../../lib/base/bytes.ts";
import { parseCheckSpec } from "../../../lib/check/spec.ts";
import { answering } from "../../helpers/check/probing.ts";
import { healthOf } from "../../helpers/check/health_of.ts";
import { backend, closing, named, refusing } from "../../helpers/net/backends.ts";
import { t, until } from "../../helpers/t.ts";

const LOOPBACK = Uint8Array.of(127, 0, 0, 1);

t("the first probe decides at once, and the first round is over then", async () => {
  await using good = named("B0");
  await using dead = refusing();
  const channels = [good.address, dead.address, `${dead.address},check=none`];
  await using started = await healthOf(channels, {
    check: "tcp",
    settings: { intervalMs: 60_000 },
  });
  const { table, health } = started;
  await health.firstRound();
  assertEquals([0, 1, 2].map((channel) => table.health(0, channel)), ["up", "down", "unknown"]);
  assertEquals([0, 1, 2].map((channel) => table.available(0, channel)), [true, false, true]);
  assertEquals(started.lines, ["channel 0.1 is down: connection refused (first check)"]);
});

t("without checks the first round is over at once, and nothing is probed", async () => {
  await using good = named("B0");
  await using started = await healthOf([good.address]);
  await started.health.firstRound();
  assertEquals(good.accepted, 0);
  assertEquals(started.health.check(0, 0)?.spec, "none");
  assertEquals(started.health.check(0, 1), undefined);
});

t("fall failures in a row bring a channel down, rise successes bring it up", async () => {
  await using good = named("B0");
  await using started = await healthOf([good.address], {
    check: "tcp",
    settings: { rise: 2, fall: 3 },
  });
  await started.health.firstRound();
  await good.stop();
  assertEquals(await started.waitForLines(2), [
    "channel 0.0 is down: connection refused (3 of 3 checks)",
    "all channels are down",
  ]);
  await using _back = named("B0", { port: good.port });
  assertEquals((await started.waitForLines(4)).slice(2), [
    "channel 0.0 is up: connected (2 of 2 checks)",
    "a channel is available again",
  ]);
  const { passed, failed, changes } = started.counters.of(0, 0);
  assertEquals(changes, 2);
  assert(passed >= 3 && failed >= 3, `${passed} passed, ${failed} failed`);
});

t(
  "all channels are down, too, once the others are out by an agent, -a or the operator",
  async () => {
    await using dead = refusing();
    let word = "ready";
    await using agent = backend((conn) => writeAll(conn, new TextEncoder().encode(`${word}\n`)));
    await using started = await healthOf([
      `${dead.address},check=tcp`,
      `${agent.address},check=agent:${agent.port}`,
      dead.address,
    ]);
    const { table, health } = started;
    await health.firstRound();
    const event = { group: 0, channel: 2, generation: table.generation(0, 2), text: "" } as const;
    table.setState(0, 2, "disabled");
    health.backendEvent({ kind: "disabled", ...event });
    word = "maint";
    const texts = ["all channels are down", "a channel is available again"];
    const down = () => started.lines.filter((line) => texts.includes(line));
    await until(() => down().length === 1, { what: "all channels to be down" });
    table.setState(0, 2, "enabled");
    health.look();
    table.setState(0, 2, "disabled");
    health.backendEvent({ kind: "disabled", ...event });
    word = "ready";
    await until(() => down().length === 4, { what: "the agent to be ready" });
    assertEquals(down(), [...texts, ...texts]);
  },
);

t("a channel that is about to change is probed three times as often", async () => {
  const times: number[] = [];
  await using server = backend(async (conn, index) => {
    times.push(performance.now());
    await conn.read(new Uint8Array(1000));
    const ok = index === 0;
    await conn.write(new TextEncoder().encode(`HTTP/1.1 ${ok ? 200 : 503} x\r\n\r\n`));
  });
  await using started = await healthOf([server.address], {
    check: "http:/",
    settings: { intervalMs: 900, fall: 4 },
  });
  // The first one passes, and the fourth one after it brings the channel down.
  await until(() => started.table.health(0, 0) === "down");
  const pauses = times.slice(2).map((time, i) => time - times[i + 1]!);
  assertEquals(pauses.length, 3);
  // On a busy machine, a probe may be late; then the next one is early.
  const mean = pauses.reduce((sum, ms) => sum + ms) / 3;
  assert(mean > 200 && mean < 800, `pauses of ${pauses.map(Math.round).join(", ")} ms`);
});

t("a channel is never probed twice at the same time, even if probes take long", async () => {
  let open = 0, most = 0;
  await using server = backend(async (conn) => {
    most = Math.max(most, ++open);
    await conn.read(new Uint8Array(1000));
    // Answers nothing until balance gives up.
    await conn.read(new Uint8Array(1));
    open--;
  });
  await using _started = await healthOf([server.address], {
    check: "http:/",
    settings: { intervalMs: 50, timeoutMs: 150 },
  });
  await until(() => server.accepted >= 5);
  // The end of one probe and the start of the next may arrive in either order.
  assert(most <= 2, `${most} at a time`);
});

t("more channels than probes may run: all are probed, each in its turn", async () => {
  await using server = closing();
  const channels = Array.from({ length: 60 }, () => server.address);
  const { health, table, ...started } = await healthOf(channels, { check: "tcp", probes: 4 });
  await using _started = started as AsyncDisposable;
  await health.firstRound();
  assert(channels.every((_, channel) => table.health(0, channel) === "up"));
});

t(
  "the result of a probe does not touch a channel that was assigned or removed meanwhile",
  async () => {
    const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    await using slow = backend(async (conn, index) => {
      await gates[index]?.promise;
      await conn.write(new TextEncoder().encode("no\n"));
      await conn.closeWrite();
      await conn.read(new Uint8Array(1));
    });
    await using good = named("yes");
    await using started = await healthOf([slow.address, slow.address], {
      check: "expect:yes",
      settings: { timeoutMs: 30_000 },
    });
    const { table, health, names } = started;
    await until(() => slow.accepted === 2, { what: "both probes" });
    table.assign(0, 0, { address: LOOPBACK, port: good.port });
    names.set(0, 0, "127.0.0.1");
    health.changed(0, 0);
    table.setState(0, 1, "disabled");
    table.remove(0, 1);
    health.changed(0, 1);
    assertEquals(table.add(0, { address: LOOPBACK, port: 9 }), 1);
    for (const gate of gates) gate.resolve();
    await until(() => health.check(0, 0)?.last !== undefined, {
      what: "a result of the new backend",
    });
    await until(() => slow.open === 0, { what: "the former probes to end" });
    assertEquals([table.health(0, 0), table.health(0, 1)], ["up", "unknown"]);
    assertEquals([health.check(0, 1), started.lines], [undefined, []]);
  },
);

t("a channel that is created, gets another check or none follows at once", async () => {
  await using good = named("B0");
  await using dead = refusing();
  await using started = await healthOf([good.address], {
    check: "tcp",
    settings: { intervalMs: 60_000 },
  });
  const { table, health } = started;
  const channel = table.add(0, { address: LOOPBACK, port: good.port, enabled: false })!;
  health.created(0, channel, { check: parseCheckSpec("tcp"), checkPort: dead.port });
  assertEquals(await started.waitForLines(1), [
    "channel 0.1 is down: connection refused (first check)",
  ]);
  assertEquals(health.check(0, 1)?.spec, "tcp");
  health.setCheck(0, 1, parseCheckSpec("none"));
  assertEquals([table.health(0, 1), table.isChecked(0, 1)], ["unknown", false]);
  assertEquals(started.lines.at(-1), "channel 0.1 is up: no longer checked");
  health.setCheck(0, 1, undefined);
  await until(() => table.health(0, 1) === "down", { what: "the check of --check" });
});

t("an agent sets health, state, weight and limit, each only if it reports it", async () => {
  let answer = "up 50% maxconn:7";
  await using agent = backend(async (conn) => {
    await conn.write(new TextEncoder().encode(`${answer}\n`));
  });
  await using server = named("B0");
  await using started = await healthOf([`${server.address},weight=4,check=agent:${agent.port}`], {
    settings: { intervalMs: 50, rise: 100, fall: 100 },
  });
  const { table, health } = started;
  await health.firstRound();
  const seen = () => [
    table.health(0, 0),
    table.state(0, 0),
    table.effectiveWeight(0, 0) / 100,
    table.maxc(0, 0),
  ];
  const becomes = async (text: string, ...expected: ReturnType<typeof seen>) => {
    answer = text;
    await until(() => `${seen()}` === `${expected}`, {
      what: () => `${text}: ${expected} instead of ${seen()}`,
    });
  };
  await becomes("up 50% maxconn:7", "up", "enabled", 2, 7);
  await becomes("drain", "up", "draining", 2, 7);
  await becomes("maint", "up", "disabled", 2, 7);
  await becomes("ready 100%", "up", "enabled", 4, 7);
  await becomes("down # disk full", "down", "enabled", 4, 7);
  await becomes("up 0%", "up", "enabled", 0, 7);
  assertEquals(table.available(0, 0), false);
  assertEquals(started.lines.filter((line) => line.startsWith("channel")), [
    "channel 0.0 is draining: agent: drain",
    "channel 0.0 is disabled: agent: maint",
    "channel 0.0 is enabled: agent: ready 100%",
    "channel 0.0 is down: agent: down # disk full",
    "channel 0.0 is up: agent: up 0%",
  ]);
  assertEquals(started.lines.filter((line) => !line.startsWith("channel")), [
    "all channels are down",
  ]);
  answer = "up 50%";
  await until(() => started.lines.at(-1) === "a channel is available again");
});

t("a probe that passes ends a suspicion, unless it connects to another port", async () => {
  await using server = answering("yes\n");
  const channels = [server.address, `${server.address},check-port=${server.port}`];
  await using started = await healthOf(channels, { check: "tcp", settings: { intervalMs: 50 } });
  const { table, health } = started;
  await health.firstRound();
  for (const channel of [0, 1]) {
    table.setCaution(0, channel, "suspect");
    const generation = table.generation(0, channel);
    health.backendEvent({
      kind: "suspect",
      group: 0,
      channel,
      generation,
      text: "connect timeout",
    });
  }
  await until(() => table.caution(0, 0) === "none", { what: "the suspicion to end" });
  const before = started.counters.of(0, 1).passed;
  await until(() => started.counters.of(0, 1).passed > before + 2);
  assertEquals(table.caution(0, 1), "suspect");
  assertEquals(started.lines, []);
});

t("--on-down close: the connections of a channel that goes down are closed, once", async () => {
  await using dead = refusing();
  await using started = await healthOf([dead.address], { check: "tcp", onDown: "close" });
  await until(() => started.counters.of(0, 0).failed >= 3);
  assertEquals(started.closed, ["0.0"]);
});

t("--passive: a channel that is down is half open after its time, and printed once", async () => {
  await using dead = refusing();
  await using started = await healthOf([dead.address], { passive: { failures: 1, downMs: 100 } });
  const { table, health } = started;
  const event = { group: 0, channel: 0, generation: table.generation(0, 0) };
  for (let round = 0; round < 2; round++) {
    table.setHealth(0, 0, "down");
    table.setCaution(0, 0, "none");
    health.backendEvent({ kind: "down", ...event, text: "connection refused (1 of 1 attempts)" });
    assertEquals(table.available(0, 0), false);
    await until(() => table.caution(0, 0) === "half open", { what: "half open" });
    assertEquals([table.health(0, 0), table.available(0, 0)], ["down", true]);
  }
  assertEquals(started.lines, [
    "channel 0.0 is down: connection refused (1 of 1 attempts)",
    "all channels are down",
  ]);
});

t("events of workers that arrive out of order do not keep a channel out of service", async () => {
  await using dead = refusing();
  await using started = await healthOf([dead.address], { passive: { failures: 2, downMs: 100 } });
  const { table, health } = started;
  const event = {
    group: 0,
    channel: 0,
    generation: table.generation(0, 0),
    text: "connect timeout",
  };
  // One worker made the channel suspect, then another one brought it down.
  table.setHealth(0, 0, "down");
  health.backendEvent({ kind: "down", ...event });
  health.backendEvent({ kind: "suspect", ...event });
  await until(() => table.caution(0, 0) === "half open", { what: "half open after down" });
  // One worker connected, then another one failed to.
  table.setHealth(0, 0, "up");
  table.setCaution(0, 0, "resting");
  health.backendEvent({ kind: "resting", ...event });
  health.backendEvent({ kind: "up", ...event });
  health.backendEvent({ kind: "cleared", ...event });
  await until(() => table.caution(0, 0) === "half open", { what: "half open after resting" });
});

t("--passive with an active check: only the check brings the channel up", async () => {
  await using server = answering("yes\n");
  await using started = await healthOf([server.address], {
    check: "expect:yes",
    passive: { failures: 1, downMs: 100 },
    settings: { intervalMs: 200 },
  });
  const { table, health } = started;
  await health.firstRound();
  table.setHealth(0, 0, "down");
  const generation = table.generation(0, 0);
  health.backendEvent({ kind: "down", group: 0, channel: 0, generation, text: "connect reset" });
  const cautions = new Set<string>();
  await until(() => {
    cautions.add(table.caution(0, 0));
    return table.health(0, 0) === "up";
  }, { what: "two checks that pass" });
  assertEquals([...cautions], ["none"]);
  assertEquals(
    started.lines.filter((line) => / is up/.test(line)),
    ['channel 0.0 is up: answered "yes" (2 of 2 checks)'],
  );
});

t("--slow-start: a channel that comes up gains its weight step by step", async () => {
  await using server = named("B0");
  await using dead = refusing();
  await using started = await healthOf([`${dead.address},weight=2`, server.address], {
    check: "tcp",
    slowStartMs: 1000,
    settings: { intervalMs: 50 },
  });
  const { table, health } = started;
  await health.firstRound();
  // Not at the start.
  assertEquals([table.ramp(0, 0), table.ramp(0, 1)], [100, 100]);
  await using _back = named("back", { port: dead.port });
  const seen: number[] = [];
  await until(() => {
    const ramp = table.ramp(0, 0);
    if (table.health(0, 0) === "up" && ramp !== seen.at(-1)) seen.push(ramp);
    return ramp === 100 && seen.length > 0;
  }, { everyMs: 1, what: () => `the whole weight, after ${seen}` });
  assertEquals(seen[0], 10);
  assertEquals(seen, seen.toSorted((a, b) => a - b));
  assert(seen.length >= 3, `steps ${seen}`);
});
