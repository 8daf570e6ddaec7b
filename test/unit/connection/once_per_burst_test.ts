import { assertEquals } from "@std/assert";
import { oncePerBurst } from "../../../lib/connection/once_per_burst.ts";
import { t } from "../../helpers/t.ts";

t("oncePerBurst() says a line once, and again when it was quiet for ten seconds", () => {
  const said: string[] = [];
  let now = 0;
  const voice = oncePerBurst((line) => said.push(`${now} ${line}`), () => now);
  for (now = 0; now < 30_000; now += 100) voice.say("short");
  voice.say("other");
  now += 10_001;
  voice.say("short");
  assertEquals(said, ["0 short", "30000 other", "40001 short"]);
  // It was silent, but nothing was better.
  now += 60_000;
  voice.lasted("short");
  now += 100;
  voice.say("short");
  assertEquals(said.length, 3);
});
