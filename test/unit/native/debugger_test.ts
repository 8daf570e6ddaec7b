import { assertEquals } from "@std/assert";
import { opensDebugger } from "../../../lib/native/debugger.ts";
import { t } from "../../helpers/t.ts";

t("opensDebugger() is true for the versions of Deno that open one on SIGUSR1", () => {
  for (const version of ["1.46.3", "2.6.8", "2.6.10", "2.9.1"]) {
    assertEquals(opensDebugger(version), false, version);
  }
  for (const version of ["2.9.2", "2.9.6", "2.9.10-rc.1", "2.10.0", "3.0.0"]) {
    assertEquals(opensDebugger(version), true, version);
  }
}, { permissions: "none" });
