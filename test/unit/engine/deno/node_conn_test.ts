import { assertEquals } from "@std/assert";
import { canBindSource } from "../../../../lib/engine/deno/node_conn.ts";
import { canBindSource as bindsSource } from "../../../helpers/net/client.ts";
import { t } from "../../../helpers/t.ts";

t(
  "canBindSource() recognizes local addresses, and whether binding to one takes effect",
  async () => {
    assertEquals(await canBindSource("203.0.113.9"), "not local");
    assertEquals(await canBindSource("127.0.0.77"), await bindsSource() ? "yes" : "ignored");
  },
);
