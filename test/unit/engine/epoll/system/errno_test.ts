import { assertEquals } from "@std/assert";
import {
  acceptFailureOf,
  dialFailureByErrno,
  errnoReader,
  isEstablished,
  listenFailureOf,
} from "../../../../../lib/engine/epoll/system/errno.ts";
import { libC, noEpoll } from "../../../../helpers/engine/epoll.ts";
import { skip, t } from "../../../../helpers/t.ts";

const EBADF = 9;

if (noEpoll !== undefined) skip("errors of system calls: all tests", noEpoll);
else {
  const c = libC();

  t("errnoReader() reads the error of the last call", () => {
    const errno = errnoReader(c);
    assertEquals([c.close(-1), errno()], [-1, EBADF]);
  });

  t("failures of listen, accept and dial have a kind, and a text like those of Deno", () => {
    assertEquals(listenFailureOf(c, 98), { failure: "in use", reason: "Address already in use" });
    assertEquals(listenFailureOf(c, 13), { failure: "no permission", reason: "Permission denied" });
    assertEquals(listenFailureOf(c, 24).failure, "no descriptor");
    assertEquals(listenFailureOf(c, 97).failure, "failed");
    assertEquals(acceptFailureOf(c, 103).failure, "client gone");
    for (const shortage of [12, 23, 24, 105]) {
      assertEquals(acceptFailureOf(c, shortage).failure, "shortage");
    }
    const dials = [111, 110, 113, 101, 1, 13, 24, 99, 97].map(dialFailureByErrno);
    assertEquals(dials, [
      "refused",
      "timeout",
      "unreachable",
      "unreachable",
      "unreachable",
      "unreachable",
      "no descriptor",
      "no local port",
      "failed",
    ]);
    assertEquals([104, 32, 107, 111].map(isEstablished), [true, true, true, false]);
  });
}
