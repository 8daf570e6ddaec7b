/** The numbers of listening sockets, compared with a model of what Linux does. */

import { assertEquals } from "@std/assert";
import { SocketOrder } from "../../../lib/reuseport/socket_order.ts";
import { t } from "../../helpers/t.ts";

/** As `reuseport_detach_sock()` of Linux: the last one takes the number of the one that leaves. */
function close<T>(sockets: T[], index: number): void {
  const last = sockets.pop()!;
  if (index < sockets.length) sockets[index] = last;
}

/** The numbers of all owners that are left, by closing the last one again and again. */
function drain(order: SocketOrder<string>): string[] {
  const found: string[] = [];
  for (let last = order.last; last !== undefined; last = order.last) {
    found.unshift(last);
    order.left(last);
  }
  return found;
}

function orderOf(owners: readonly string[]): SocketOrder<string> {
  const order = new SocketOrder<string>();
  for (const owner of owners) order.joined(owner);
  return order;
}

t("SocketOrder: the last socket takes the number of one that is closed", () => {
  for (const [index, owner] of ["a", "b", "c", "d"].entries()) {
    const sockets = ["a", "b", "c", "d"], order = orderOf(sockets);
    close(sockets, index);
    order.left(owner);
    assertEquals(drain(order), sockets);
  }
});

t("SocketOrder ignores the end of one that does not listen", () => {
  const order = orderOf(["a", "b"]);
  order.left("c");
  assertEquals(drain(order), ["a", "b"]);
  order.left("a");
  assertEquals(order.last, undefined);
}, { permissions: "none" });

for (let others = 0; others <= 5; others++) {
  for (let own = 1; own <= 4; own++) {
    t(
      `SocketOrder: ${own} sockets after ${others} of a predecessor, which close one by one`,
      () => {
        const names = Array.from({ length: own }, (_, index) => `own ${index}`);
        const sockets = [
          ...Array.from({ length: others }, (_, index) => `other ${index}`),
          ...names,
        ];
        const order = orderOf(names);
        for (let left = others; left > 0; left--) close(sockets, left - 1);
        order.othersLeft(others);
        assertEquals(drain(order), sockets);
      },
    );
  }
}
