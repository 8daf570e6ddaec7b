import { assertEquals } from "@std/assert";
import { writeAll } from "../../../lib/base/bytes.ts";
import { FramedSession } from "../../../lib/control/framed_session.ts";
import { t, within } from "../../helpers/t.ts";
import { tempDir } from "../../helpers/temp_dir.ts";

/** Bytes of the state of a large table. */
const STATE_BYTES = 100e6;

/** A session with a server that sends these bytes. */
async function receiving(pieces: readonly Uint8Array[]) {
  using directory = tempDir();
  const path = `${directory.path}/socket`;
  using listener = Deno.listen({ transport: "unix", path });
  const conn = await Deno.connect({ transport: "unix", path });
  const server = await listener.accept();
  const sending = (async () => {
    for (const piece of pieces) await writeAll(server, piece);
  })().catch(() => {});
  const session = await FramedSession.open(conn);
  if (!(session instanceof FramedSession)) throw new Error(`no session: ${session}`);
  return {
    session,
    async [Symbol.asyncDispose]() {
      session[Symbol.dispose]();
      server.close();
      await sending;
    },
  };
}

const bytes = (text: string) => new TextEncoder().encode(text);
const GREETING = bytes('{"version":"4.0.0","pid":1}\n');

t(
  "a session receives a line as long as the state of a large table in linear time",
  async () => {
    const long = new Uint8Array(STATE_BYTES).fill(120);
    await using server = await receiving([GREETING, long, bytes("\nnext\nlast")]);
    const line = await within(server.session.receive(2 ** 29), {
      timeoutMs: 30_000,
      what: "the long line",
    });
    assertEquals(line?.length, STATE_BYTES);
    assertEquals(await server.session.receive(100), "next");
    assertEquals(server.session.receivedBytes >= STATE_BYTES, true);
  },
);

t("a session does not receive a line that is too long", async () => {
  await using server = await receiving([GREETING, bytes("a\n"), new Uint8Array(1e6).fill(120)]);
  assertEquals(await server.session.receive(100), "a");
  assertEquals(await server.session.receive(500_000), undefined);
});

t("lines and the text of answers are found wherever the pieces end", async () => {
  const text = 'one\ntwo\n{"bytes":9,"group":3,"failed":false}\nfirst\nxy\nrest\n';
  await using server = await receiving([
    GREETING,
    ...[...bytes(text)].map((one) =>
      bytes(
        String.fromCharCode(one),
      )
    ),
  ]);
  const { session } = server;
  assertEquals([await session.receive(9), await session.receive(9)], ["one", "two"]);
  const answer = await session.ask("show");
  assertEquals(answer, { bytes: 9, group: 3, failed: false, text: "first\nxy\n" });
  assertEquals(await session.receive(9), "rest");
});
