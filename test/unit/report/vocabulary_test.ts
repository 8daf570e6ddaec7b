import { assertEquals, assertMatch } from "@std/assert";
import { actorOf, REASONS, word } from "../../../lib/report/vocabulary.ts";
import { t } from "../../helpers/t.ts";

const PURE = { permissions: "none" } as const;

t("every reason has an actor and is written as one word", () => {
  assertEquals(REASONS.length, 18);
  for (const reason of REASONS) {
    assertMatch(word(reason), /^[a-z_]+$/);
    assertMatch(actorOf(reason), /^(client|backend|balance|admin)$/);
  }
}, PURE);
