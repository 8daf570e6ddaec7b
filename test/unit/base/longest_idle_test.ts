import { assertEquals } from "@std/assert";
import { longestIdle } from "../../../lib/base/longest_idle.ts";
import { t } from "../../helpers/t.ts";

t("longestIdle() prefers silent clients, then those that have been idle longer", () => {
  const client = (idleSince: number, silent: boolean) => ({ idleSince, silent });
  const busy = client(Infinity, false), busySilent = client(Infinity, true);
  const old = client(1, false), young = client(2, false);
  const oldSilent = client(3, true), youngSilent = client(4, true);
  assertEquals(longestIdle([]), undefined);
  assertEquals(longestIdle([busy, busySilent]), undefined);
  assertEquals(longestIdle([busy, young, old]), old);
  assertEquals(longestIdle([old, young, busySilent]), old);
  assertEquals(longestIdle([old, youngSilent, oldSilent, young]), oldSilent);
  assertEquals(longestIdle([youngSilent, busySilent, old]), youngSilent);
}, { permissions: "none" });
