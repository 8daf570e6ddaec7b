import { assert, assertEquals, assertRejects } from "@std/assert";
import { type Client, Clients } from "../../../lib/control/clients.ts";
import { newBudget } from "../../../lib/system/capacity.ts";
import { t, until } from "../../helpers/t.ts";

/** A connection whose writes wait until they are released, even if it is closed, as in Deno 2.6. */
function stuck() {
  const { promise, resolve } = Promise.withResolvers<number>();
  const conn = { write: () => promise, close() {} } as unknown as Deno.Conn;
  return { conn, release: () => resolve(1) };
}

const ANSWER = new Uint8Array(100_000);

t("a client that is closed during a write keeps its descriptor until the write ends", async () => {
  const share = newBudget(3).share("clients", { min: 0 });
  const clients = new Clients({ descriptors: share, minIdleMs: 0 });
  const first = stuck();
  const client = (await clients.add(first.conn))!;
  client.busy();
  const writing = client.write(ANSWER);
  client.close();
  assertEquals([clients.count, share.used, client.closed], [1, 1, true]);
  const others = [await clients.add(stuck().conn), await clients.add(stuck().conn)];
  assertEquals([clients.count, share.used], [3, 3]);
  // An idle one is replaced, since the descriptor of the first one is not free.
  const next = await clients.add(stuck().conn);
  assert(next !== undefined && others[0]!.closed);
  first.release();
  await writing;
  await until(() => share.used === 2, { what: "the descriptor of the first client" });
  assertEquals(clients.count, 2);
  clients.closeAll({ idle: false });
  await until(() => share.used === 0, { what: "the descriptors" });
  assertEquals(clients.count, 0);
});

t("writes that may never end leave one client that can be replaced", async () => {
  const share = newBudget(3).share("clients", { min: 0 });
  const clients = new Clients({ descriptors: share, minIdleMs: 0 });
  const conns = [stuck(), stuck(), stuck()];
  const open: Client[] = [];
  for (const { conn } of conns) open.push((await clients.add(conn))!);
  for (const client of open) client.busy();
  const writing = open.slice(0, 2).map((client) => client.write(ANSWER));
  // A short answer cannot wait.
  const short = open[2]!.write(new Uint8Array(100));
  await assertRejects(() => open[2]!.write(ANSWER), Error, "do not read their answers");
  for (const each of conns) each.release();
  await Promise.all([...writing, short]);
  clients.closeAll({ idle: false });
  await until(() => share.used === 0, { what: "the descriptors" });
});
