import { assertEquals } from "@std/assert";
import {
  closedByCaller,
  closeRelay,
  directionStopped,
  inputEnded,
  newRelayEnding,
  writeFailed,
} from "../../../lib/engine/relay_end.ts";
import { t } from "../../helpers/t.ts";

const PURE = { permissions: "none" } as const;

t("the end of one input is passed on as half-close, and the second one closes the relay", () => {
  const state = newRelayEnding();
  assertEquals(inputEnded(state, "backend", "end"), { how: "end", next: "half-close" });
  assertEquals(directionStopped(state), false);
  assertEquals(inputEnded(state, "client", "end"), { how: "end", next: "wait" });
  assertEquals(directionStopped(state), true);
  assertEquals(closeRelay(state), { side: "backend", how: "end" });
}, PURE);

t("a reset is passed on", () => {
  const state = newRelayEnding();
  assertEquals(inputEnded(state, "client", "reset"), { how: "reset", next: "reset" });
  assertEquals(closeRelay(state), { side: "client", how: "reset" });
}, PURE);

t("a reset after the end of the other input is passed on, and the end counts", () => {
  const state = newRelayEnding();
  inputEnded(state, "client", "end");
  assertEquals(inputEnded(state, "backend", "reset"), { how: "reset", next: "reset" });
  assertEquals(closeRelay(state), { side: "client", how: "end" });
}, PURE);

t("a side that refuses bytes may deliver what it sent, and its end then counts as a reset", () => {
  const state = newRelayEnding();
  writeFailed(state, "backend");
  assertEquals(directionStopped(state), false);
  assertEquals(inputEnded(state, "backend", "end"), { how: "reset", next: "reset" });
}, PURE);

t("a side that refuses bytes after the end of the other input closes the relay in order", () => {
  const state = newRelayEnding();
  inputEnded(state, "client", "end");
  writeFailed(state, "backend");
  assertEquals(inputEnded(state, "backend", "end"), { how: "reset", next: "close" });
}, PURE);

t("a relay that its caller closed reports that, and nothing that happens later", () => {
  const state = newRelayEnding();
  assertEquals(closedByCaller(state), true);
  assertEquals(closeRelay(state).how, "closed");
  assertEquals(closedByCaller(state), false);
  assertEquals(inputEnded(state, "client", "reset"), undefined);
  assertEquals([directionStopped(state), directionStopped(state)], [false, false]);
}, PURE);
