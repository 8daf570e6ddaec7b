import { assertEquals } from "@std/assert";
import { whyNot } from "../../helpers/engine/can_run.ts";
import { named } from "../../helpers/net/backends.ts";
import { ask } from "../../helpers/net/client.ts";
import { freePort } from "../../helpers/net/ports.ts";
import { REFUSABLE, without } from "../../helpers/kernel/seccomp.ts";
import { runWith, startWith } from "../../faults/helpers/start_with.ts";
import { skip, until, withTools } from "../../helpers/t.ts";

const cannotRun = whyNot("epoll");

for (const call of REFUSABLE) {
  const name = `where a sandbox refuses ${call}, --engine epoll ends with one line and code 71`;
  if (cannotRun !== undefined) {
    skip(name, cannotRun);
    continue;
  }
  withTools(["python3"], name, async () => {
    const argv = ["-f", "--engine", "epoll", `${freePort()}`, "127.0.0.1:9"];
    const { code, stdout, stderr } = await runWith(argv, { prefix: without(call) });
    assertEquals(stderr, `balance: the epoll engine cannot use ${call}: Operation not permitted\n`);
    assertEquals([code, stdout], [71, ""]);
  });
}

withTools(["python3"], "where a sandbox refuses splice, --engine streams serves", async () => {
  await using server = named("B0");
  const port = freePort();
  const argv = ["-f", "--engine", "streams", `${port}`, server.address];
  await using balance = startWith(argv, { prefix: without("splice") });
  await balance.listening(port);
  assertEquals(await ask(port), "B0");
  await until(() => server.open === 0, { what: "the connection to end" });
});
