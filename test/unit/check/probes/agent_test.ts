import { assertEquals } from "@std/assert";
import { agentVerdict } from "../../../../lib/check/probes/agent.ts";
import { answering, probing } from "../../../helpers/check/probing.ts";
import { t, until } from "../../../helpers/t.ts";

for (
  const [line, ok, agent] of [
    ["up", true, { health: "up" }],
    ["UP", true, { health: "up" }],
    ["down", false, { health: "down" }],
    ["failed", false, { health: "down" }],
    ["fail", false, { health: "down" }],
    ["stopped#by hand", false, { health: "down" }],
    ["ready", true, { state: "ready" }],
    ["drain", true, { state: "drain" }],
    ["maint", true, { state: "maint" }],
    ["75%", true, { weightPercent: 75 }],
    ["0%", true, { weightPercent: 0 }],
    ["256%", true, { weightPercent: 100 }],
    ["maxconn:30", true, { maxc: 30 }],
    ["maxint:30", true, { maxc: 30 }],
    ["maxconn:999999999999", true, { maxc: 2147483647 }],
    [" up, ready\t50%,maxconn:10 # all well, down", true, {
      health: "up",
      state: "ready",
      weightPercent: 50,
      maxc: 10,
    }],
    // The last word counts.
    ["up down", false, { health: "down" }],
  ] as const
) {
  t(`agentVerdict() understands ${JSON.stringify(line)}`, () => {
    assertEquals<unknown>(agentVerdict(line), {
      ok,
      text: `agent: ${line.trim().replace("\t", " ")}`,
      agent,
    });
  }, { permissions: "none" });
}

for (
  const [line, text] of [
    ["", "agent: empty answer"],
    [" , ", "agent: empty answer"],
    ["# up", "agent: empty answer"],
    ["up maybe", "agent: unknown word maybe"],
    ["75", "agent: unknown word 75"],
    ["-5%", "agent: unknown word -5%"],
    ["maxconn:", "agent: unknown word maxconn:"],
    ["constructor", "agent: unknown word constructor"],
    ["\x1b[2J", "agent: unknown word \\x1b[2J"],
  ] as const
) {
  t(`agentVerdict() fails with ${JSON.stringify(line)}, and sets nothing`, () => {
    assertEquals<unknown>(agentVerdict(line), { ok: false, text });
  }, { permissions: "none" });
}

t(
  "an agent is asked on its own port, and needs to end neither the line nor the connection",
  async () => {
    for (
      const [answer, hangUp] of [["up 20%\nrest", false], ["up 20%\r", false], ["up 20%", true]]
    ) {
      await using agent = answering(answer as string, { hangUp: hangUp as boolean });
      const { ms: _, ...result } = await probing(`agent:${agent.port}`, 1);
      assertEquals<unknown>(result, {
        ok: true,
        text: "agent: up 20%",
        agent: { health: "up", weightPercent: 20 },
      });
      await until(() => agent.open === 0, { what: "the connection to be closed" });
      assertEquals(agent.received, "");
    }
  },
);

t("an agent that closes without an answer fails", async () => {
  await using agent = answering("", { hangUp: true });
  const { ok, text } = await probing(`agent:${agent.port}`, 1);
  assertEquals([ok, text], [false, "agent: empty answer"]);
});
