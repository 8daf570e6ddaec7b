/** A new version of three backends, deployed one after the other under load. */

import { assertEquals, assertMatch } from "@std/assert";
import { type Backend, named } from "../../helpers/net/backends.ts";
import { ask } from "../../helpers/net/client.ts";
import { runBalance } from "../../helpers/program/start_balance.ts";
import { startControlled } from "../../helpers/program/start_controlled.ts";
import { later, t, until } from "../../helpers/t.ts";

/** Clients at a time. */
const LANES = 8;

/** Clients that connect, read a line and leave, one after the other in several lanes. */
function load(port: number) {
  const answers = new Map<string, number>();
  const failures: string[] = [];
  const rounds: number[] = Array(LANES).fill(0);
  let running = true;
  async function lane(index: number): Promise<void> {
    for (; running; rounds[index]!++) {
      try {
        const answer = await ask(port);
        answers.set(answer, (answers.get(answer) ?? 0) + 1);
        if (!/^\d (old|new)$/.test(answer)) failures.push(answer);
      } catch (error) {
        failures.push(String(error));
      }
    }
  }
  const ended = later(Promise.all(rounds.map((_, index) => lane(index))));
  return {
    answers,
    failures,
    /** Waits until each lane has counted the answer that it may be reading. */
    async counted(): Promise<void> {
      const before = [...rounds];
      await until(() => rounds.every((count, index) => count > before[index]!), {
        timeoutMs: 30_000,
        what: "an answer in each lane",
      });
    },
    async [Symbol.asyncDispose]() {
      running = false;
      await ended;
    },
  };
}

t("three backends get a new version one after the other, and no request fails", async () => {
  await using stack = new AsyncDisposableStack();
  const backends: Backend[] = [];
  for (const index of [0, 1, 2]) backends.push(stack.use(named(`${index} old`)));
  const addresses = backends.map(({ address }) => address);
  const check = ["--check", "tcp", "--interval", "0.2"];
  await using balance = await startControlled(["-f", ...check, "PORT", ...addresses], {
    expectStderr: "any",
  });
  const run = async (text: string) => {
    const { port, rundir } = balance;
    const { code, stdout } = await runBalance(["--strict", "-c", text, "PORT"], { port, rundir });
    assertEquals(code, 0, stdout);
    return stdout;
  };
  await using clients = load(balance.port);
  const { answers, failures } = clients;
  const seen = (answer: string) =>
    until(() => answers.has(answer), { timeoutMs: 30_000, what: answer });
  for (const index of [0, 1, 2]) await seen(`${index} old`);

  for (const [index, backend] of backends.entries()) {
    assertMatch(await run(`drain ${index} 30`), /(^|\n)channel 0\.\d is drained\n$/);
    await backend.stop();
    await clients.counted();
    const old = answers.get(`${index} old`);
    stack.use(named(`${index} new`, { port: backend.port }));
    assertEquals(await run(`enable ${index}`), `channel ${index} enabled\n`);
    await seen(`${index} new`);
    assertEquals(answers.get(`${index} old`), old);
  }
  assertEquals(failures, []);
});
