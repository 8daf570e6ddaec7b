import { assertEquals } from "@std/assert";
import type { ControlServer } from "../../../lib/control/server.ts";
import { runUntilStopped } from "../../../lib/service/shutdown.ts";
import type { DataPlane, PlaneEnd } from "../../../lib/workers/data_plane.ts";
import { t } from "../../helpers/t.ts";

/** What runs, with a data plane that ends like this by itself. */
function ended(end: PlaneEnd, calls: string[]): Promise<number> {
  const call = (name: string) => () => {
    calls.push(name);
    return Promise.resolve();
  };
  const plane = { stop: call("plane.stop"), done: Promise.resolve(end) };
  const control = { stop: call("control.stop"), close: call("control.close") };
  return runUntilStopped({
    plane: plane as unknown as DataPlane,
    control: control as unknown as ControlServer,
    open: () => 0,
    signals: { early: new Promise(() => {}), handle() {}, [Symbol.dispose]() {} },
    graceS: () => 1,
    status() {},
    reopen() {},
    reload() {},
    stopping: call("stopping"),
    draining() {},
  }).ended;
}

t("the program shuts down and ends with 70 if no worker is left", async () => {
  const calls: string[] = [];
  assertEquals(await ended({ cutOff: 0, isLost: true }, calls), 70);
  assertEquals(calls.slice(0, 2), ["stopping", "plane.stop"]);
  assertEquals(calls.includes("control.close"), true);
  assertEquals(await ended({ cutOff: 0 }, []), 0);
}, { permissions: "none" });
