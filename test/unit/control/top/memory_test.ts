import { assertEquals } from "@std/assert";
import { compareWith, remember } from "../../../../lib/control/top/memory.ts";
import { t } from "../../../helpers/t.ts";

const PURE = { permissions: "none" } as const;

t("memory keeps two samples and ignores one that follows too soon", () => {
  const at = (timeMs: number) => ({ timeMs });
  let memory = remember([], at(0));
  assertEquals(compareWith(memory, 100), undefined);
  memory = remember(memory, at(100));
  assertEquals(memory, [at(0)]);
  memory = remember(remember(memory, at(1000)), at(2000));
  assertEquals(memory, [at(2000), at(1000)]);
  assertEquals(compareWith(memory, 2100), at(1000));
  assertEquals(compareWith(memory, 2500), at(2000));
}, PURE);
