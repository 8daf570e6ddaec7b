import { assertEquals } from "@std/assert";
import { AcceptBalance } from "../../../../lib/engine/epoll/accept_balance.ts";
import type { LibC } from "../../../../lib/engine/epoll/system/libc.ts";
import { NOT_ACCEPTING } from "../../../../lib/engine/isolate_loads.ts";
import { t } from "../../../helpers/t.ts";

/** Isolates that know each other, and which of them were woken. */
function isolates(count: number) {
  const loads = new Int32Array(new SharedArrayBuffer(4 * count)), woken: number[] = [];
  const waits = new Uint8Array(new SharedArrayBuffer(count)).fill(1);
  const wakeups = Array.from({ length: count }, (_, index) => 100 + index);
  const c = { write: (descriptor: number) => woken.push(descriptor - 100) } as unknown as LibC;
  const shares = wakeups.map((_, index) => new AcceptBalance(c, { index, loads, waits, wakeups }));
  for (const share of shares) share.setAccepting(true);
  return { loads, waits, woken, shares };
}

t("AcceptBalance: an isolate accepts until it has four more connections than another one", () => {
  const { shares: [one], woken } = isolates(2);
  let accepted = 0;
  for (; one!.mayAccept(); accepted++) one!.opened();
  assertEquals(accepted, 5);
  one!.wakeIdlest();
  assertEquals(woken, [1]);
  one!.closed();
  assertEquals(one!.mayAccept(), true);
});

t("AcceptBalance: with many connections, an eighth more is allowed", () => {
  const { shares: [one, other] } = isolates(2);
  for (let n = 0; n < 80; n++) other!.opened();
  let accepted = 0;
  for (; one!.mayAccept(); accepted++) one!.opened();
  assertEquals(accepted, 91);
});

t("AcceptBalance: an isolate that does not accept is not waited for", () => {
  const { shares: [one, other, last], loads, woken } = isolates(3);
  other!.setAccepting(false);
  assertEquals(loads[1], NOT_ACCEPTING);
  last!.opened();
  for (let n = 0; n < 6; n++) one!.opened();
  one!.wakeIdlest();
  assertEquals([one!.mayAccept(), woken], [false, [2]]);
  last!.setAccepting(false);
  assertEquals(one!.mayAccept(), true);
  other!.setAccepting(true);
  assertEquals([one!.mayAccept(), loads[1]], [false, 0]);
});

t("AcceptBalance: an isolate without others always accepts", () => {
  const share = new AcceptBalance({} as LibC, undefined);
  for (let n = 0; n < 100; n++) share.opened();
  assertEquals(share.mayAccept(), true);
  share.wakeIdlest();
});
