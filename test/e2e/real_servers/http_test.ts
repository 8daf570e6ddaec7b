import { assert, assertEquals } from "@std/assert";
import { createHash } from "node:crypto";
import { randomBytes, sha256 } from "../../helpers/bytes.ts";
import { startControlled } from "../../helpers/program/start_controlled.ts";
import { t } from "../../helpers/t.ts";

const SIZE = 100_000_000;

/** The blocks of a file of 100 MB, all different. */
function* blocks(): Generator<Uint8Array<ArrayBuffer>> {
  const block = randomBytes(1_000_000, 100);
  const counter = new DataView(block.buffer);
  for (let i = 0; i < SIZE / block.length; i++) {
    counter.setUint32(0, i);
    yield block.slice();
  }
}

function file(): ReadableStream<Uint8Array<ArrayBuffer>> {
  return ReadableStream.from(blocks());
}

async function hashOf(stream: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of stream) hash.update(chunk);
  return hash.digest("hex");
}

/** Answers GET with the file, and other methods with the hash of the request body. */
function httpServer(): Deno.HttpServer<Deno.NetAddr> {
  return Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    if (request.method === "GET") return new Response(file());
    return new Response(request.body ? await hashOf(request.body) : "nothing");
  });
}

t("a 100 MB file arrives unchanged over HTTP in both directions", async () => {
  const expected = await hashOf(blocks());
  await using server = httpServer();
  await using balance = await startControlled(["-f", "PORT", `127.0.0.1:${server.addr.port}`]);
  const url = `http://127.0.0.1:${balance.port}/`;
  using client = Deno.createHttpClient({});
  const before = balance.rss();

  const answer = await fetch(url, { client });
  assert(answer.body);
  assertEquals(await hashOf(answer.body), expected, "downloaded");

  const upload = await fetch(url, { client, method: "PUT", body: file() });
  assertEquals(await upload.text(), expected, "uploaded");

  const growth = balance.rss() - before;
  assert(growth < 30_000_000, `memory grew by ${growth} bytes`);
});

t("requests on keep-alive connections get their own answers", async () => {
  await using server = httpServer();
  await using balance = await startControlled(["-f", "PORT", `127.0.0.1:${server.addr.port}`]);
  const url = `http://127.0.0.1:${balance.port}/`;
  using client = Deno.createHttpClient({ poolMaxIdlePerHost: 8 });
  await Promise.all(Array.from({ length: 8 }, async (_, worker) => {
    for (let i = 0; i < 25; i++) {
      const body = randomBytes(1 + worker * 1000 + i, i);
      const answer = await fetch(url, { client, method: "POST", body });
      assertEquals(await answer.text(), sha256(body));
    }
  }));
});
