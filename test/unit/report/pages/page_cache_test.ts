import { assertEquals } from "@std/assert";
import { PageCache } from "../../../../lib/report/pages/page_cache.ts";
import { Renderer } from "../../../../lib/report/pages/renderer.ts";
import { t } from "../../../helpers/t.ts";

const PURE = { permissions: "none" } as const;
const PIECE = "x".repeat(32 << 10);

/** A page of `pieces` pieces, each of which takes `ms` milliseconds of a clock that stands still. */
function pageOf({ pieces, ms }: { pieces: number; ms: number }) {
  const state = { now: 0, renders: 0, turns: 0, running: 0, parallel: 0 };
  const renderer = new Renderer({
    now: () => state.now,
    turn: () => {
      state.turns++;
      return Promise.resolve();
    },
  });
  function* text() {
    state.renders++;
    state.running++;
    state.parallel = Math.max(state.parallel, state.running);
    yield `${state.renders} `;
    for (let i = 0; i < pieces; i++) {
      state.now += ms;
      yield PIECE;
    }
    state.running--;
  }
  const cache = new PageCache(text, renderer);
  const get = async () => {
    const bytes = (await cache.get())?.bytes;
    return bytes && Number(new TextDecoder().decode(bytes.subarray(0, 8)).split(" ")[0]);
  };
  return { state, renderer, get, other: new PageCache(text, renderer) };
}

t("PageCache renders a cheap page anew for each request", async () => {
  const { get, state } = pageOf({ pieces: 1, ms: 1 });
  for (let i = 1; i <= 50; i++) {
    assertEquals(await get(), i);
    state.now += 10;
  }
}, PURE);

t("PageCache spends a tenth of the time, and no page is older than a second", async () => {
  const { get, state } = pageOf({ pieces: 2, ms: 10 });
  const started: number[] = [];
  let oldest = 0;
  for (state.now = 0; state.now < 10_000; state.now++) {
    const page = await get();
    if (page! > started.length) started.push(state.now - 20);
    oldest = Math.max(oldest, state.now - started[page! - 1]!);
  }
  // 10 s have 1000 ms for 50 pages, and 100 ms more at the start.
  assertEquals([state.renders >= 50, state.renders <= 57], [true, true], `${state.renders}`);
  assertEquals(oldest <= 1000, true, `${oldest}`);
}, PURE);

t("PageCache renders a page after a second even if it takes long", async () => {
  const { get, state } = pageOf({ pieces: 10, ms: 50 });
  assertEquals([await get(), await get()], [1, 1]);
  state.now += 499;
  assertEquals(await get(), 1);
  state.now += 1;
  assertEquals(await get(), 2);
}, PURE);

t("64 requests at once share one page, and pages are rendered one after the other", async () => {
  const { get, other, state } = pageOf({ pieces: 3, ms: 1 });
  const pages = await Promise.all([...Array.from({ length: 64 }, get), other.get()]);
  assertEquals([new Set(pages.slice(0, 64)).size, state.renders, state.parallel], [1, 2, 1]);
  // Each piece is rendered in a turn of its own.
  assertEquals(state.turns >= 6, true, `${state.turns}`);
}, PURE);

t("PageCache does not keep a large page, and tries it again after a minute", async () => {
  const { get, state } = pageOf({ pieces: 70, ms: 1 });
  assertEquals([await get(), await get(), state.renders], [undefined, undefined, 1]);
  // Rendering stopped at 2 MiB.
  assertEquals(state.now < 70, true, `${state.now}`);
  state.now += 60_000;
  assertEquals([await get(), state.renders], [undefined, 2]);
}, PURE);

t("a render that fails is reported to those who asked, and the next one works", async () => {
  let fails = true;
  const cache = new PageCache(function* () {
    if (fails) throw new Error("a bug");
    yield "page";
  }, new Renderer({ turn: () => Promise.resolve(), now: () => 0 }));
  const results = await Promise.allSettled([cache.get(), cache.get()]);
  assertEquals(results.map(({ status }) => status), ["rejected", "rejected"]);
  fails = false;
  assertEquals(await cache.get(), { bytes: new TextEncoder().encode("page"), gzip: false });
}, PURE);

t("Renderer.stream() waits when its time is used up", async () => {
  let now = 0;
  const renderer = new Renderer({ turn: () => Promise.resolve(), now: () => now });
  function* text() {
    for (let i = 0; i < 4; i++) {
      now += 40;
      yield PIECE;
    }
  }
  const waits: number[] = [];
  for await (const _piece of renderer.stream(text())) {
    waits.push(Math.round(renderer.waitMs));
    now += renderer.waitMs;
  }
  assertEquals(waits, [0, 0, 120, 360]);
}, PURE);

t("PageCache compresses a page once, and no small one", async () => {
  const small = new PageCache(() => ["page"], new Renderer({ turn: () => Promise.resolve() }));
  assertEquals((await small.get({ gzip: true }))?.gzip, false);
  const text = "a line\n".repeat(20_000);
  const cache = new PageCache(
    () => [text],
    new Renderer({ turn: () => Promise.resolve(), now: () => 0 }),
  );
  const [one, two, plain] = await Promise.all([
    cache.get({ gzip: true }),
    cache.get({ gzip: true }),
    cache.get(),
  ]);
  assertEquals([one?.gzip, one?.bytes === two?.bytes], [true, true]);
  assertEquals([plain?.gzip, plain?.bytes.length], [false, text.length]);
  const stream = new Blob([one!.bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  assertEquals(await new Response(stream).text(), text);
}, PURE);
