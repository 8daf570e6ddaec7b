import { assert, assertEquals } from "@std/assert";
import { EventSet, type Slot } from "../../../../../lib/engine/epoll/loop/event_set.ts";
import { EPOLLIN } from "../../../../../lib/engine/epoll/system/constants.ts";
import { Descriptors } from "../../../../../lib/engine/epoll/system/descriptors.ts";
import type { LibC } from "../../../../../lib/engine/epoll/system/libc.ts";
import { libC, noEpoll } from "../../../../helpers/engine/epoll.ts";
import { skip, t } from "../../../../helpers/t.ts";

/** A slot that notes its events. */
function noting(name: string, notes: string[], then = () => {}): Slot {
  return {
    generation: 0,
    event() {
      notes.push(name);
      then();
    },
    bug() {},
  };
}

/**
 * Closes a descriptor with an event that is still to be handled, and opens another one.
 *
 * @returns Whether that got the same number; only then anything was checked.
 */
function reusesNumber(): boolean {
  const c = libC(), descriptors = new Descriptors(c, undefined);
  const set = new EventSet(c, descriptors, () => {});
  const notes: string[] = [];
  const readable = () => descriptors.required(c.eventfd(1, 0));
  const first = readable(), second = readable();
  let third = -1;
  const replaceSecond = () => {
    if (third >= 0) return;
    set.forget(second);
    descriptors.close(second);
    // Not readable.
    third = descriptors.required(c.eventfd(0, 0));
    set.add(third, noting("third", notes), EPOLLIN);
  };
  set.add(first, noting("first", notes, replaceSecond), EPOLLIN);
  set.add(second, noting("second", notes), EPOLLIN);
  try {
    assertEquals(set.wait(0), 2);
    set.dispatch();
    if (third !== second) return false;
    assertEquals(notes, ["first"]);
    assertEquals(set.wait(0), 1);
    set.dispatch();
    assertEquals(notes, ["first", "first"]);
    assertEquals(set.size, 2);
    return true;
  } finally {
    descriptors.closeAll();
  }
}

if (noEpoll !== undefined) skip("EventSet: all tests", noEpoll);
else {
  t(
    "EventSet: events of a closed descriptor are dropped, even if its number is in use again",
    () => {
      // Another test in this process may take the number first.
      for (let attempt = 0; attempt < 100; attempt++) if (reusesNumber()) return;
      throw new Error("the number of a closed descriptor was never in use again");
    },
  );

  t(
    "EventSet: a wait in another thread may outlive the isolate, whose memory it leaves alone",
    async () => {
      const c = libC(), descriptors = new Descriptors(c, undefined), notes: string[] = [];
      let written: unknown;
      const freed: unknown[] = [];
      const noted: LibC = {
        ...c,
        epoll_wait_aside(set, events, count, timeoutMs) {
          written = events;
          return c.epoll_wait_aside(set, events, count, timeoutMs);
        },
        free(address) {
          freed.push(address);
          c.free(address);
        },
      };
      const set = new EventSet(noted, descriptors, () => {});
      for (const name of ["first", "second"]) {
        set.add(descriptors.required(c.eventfd(1, 0)), noting(name, notes), EPOLLIN);
      }
      await set.waitAside(1000);
      set.dispatch();
      assertEquals(notes, ["first", "second"]);
      // An address, not a buffer, which ends with the isolate.
      assertEquals([typeof written, freed], ["bigint", []]);
      set.close();
      assertEquals(freed, [written]);
      descriptors.closeAll();
    },
  );

  t("EventSet: a slot that throws does not keep others from their events", () => {
    const c = libC(), descriptors = new Descriptors(c, undefined);
    const bugs: unknown[] = [], notes: string[] = [];
    const set = new EventSet(c, descriptors, (_slot, error) => void bugs.push(error));
    const failing = () => {
      throw new Error("a bug");
    };
    for (const slot of [noting("first", notes, failing), noting("second", notes)]) {
      assert(set.add(descriptors.required(c.eventfd(1, 0)), slot, EPOLLIN));
    }
    set.wait(0);
    set.dispatch();
    assertEquals([notes, bugs.map(String)], [["first", "second"], ["Error: a bug"]]);
    descriptors.closeAll();
  });
}
