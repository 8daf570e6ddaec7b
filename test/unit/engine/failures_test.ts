import { assertEquals } from "@std/assert";
import {
  acceptFailure,
  dialFailure,
  listenFailure,
  wasEstablished,
} from "../../../lib/engine/failures.ts";
import { t } from "../../helpers/t.ts";

const PURE = { permissions: "none" } as const;
const { errors } = Deno;

/** A system error without a class of its own. */
const system = (code: string, text: string) =>
  Object.assign(new Error(`${text} (os error 1)`), { code });

t("acceptFailure() distinguishes a closed listener, a client that left, and a shortage", () => {
  const cases: readonly [unknown, string][] = [
    [new errors.BadResource("closed"), "closed"],
    [new errors.ConnectionAborted(), "client gone"],
    [new errors.ConnectionReset(), "client gone"],
    [new errors.NotConnected(), "client gone"],
    [system("EPROTO", "Protocol error"), "client gone"],
    [system("EMFILE", "Too many open files"), "shortage"],
    [system("ENFILE", "Too many open files in system"), "shortage"],
    [system("ENOBUFS", "No buffer space available"), "shortage"],
  ];
  for (const [error, failure] of cases) assertEquals(acceptFailure(error).failure, failure);
  assertEquals(
    acceptFailure(system("EMFILE", "Too many open files")).reason,
    "Too many open files",
  );
}, PURE);

t("listenFailure() names the cause and keeps the reason in the system's words", () => {
  const inUse = new errors.AddrInUse("Address already in use (os error 98)");
  assertEquals(listenFailure(inUse), { failure: "in use", reason: "Address already in use" });
  const kinds = [
    new errors.PermissionDenied("Permission denied (os error 13)"),
    system("EACCES", "Permission denied"),
    system("EMFILE", "Too many open files"),
    new errors.AddrNotAvailable("Cannot assign requested address (os error 99)"),
  ].map((error) => listenFailure(error).failure);
  assertEquals(kinds, ["no permission", "no permission", "no descriptor", "not local"]);
}, PURE);

t("dialFailure() takes the reason of a canceled dial before any error", () => {
  const refused = new errors.ConnectionRefused();
  const signal = (reason?: string) => {
    const controller = new AbortController();
    if (reason !== undefined) controller.abort(reason);
    return controller.signal;
  };
  assertEquals(dialFailure(refused, signal()), "refused");
  assertEquals(dialFailure(refused, signal("timeout")), "timeout");
  assertEquals(dialFailure(refused, signal("cancelled")), "cancelled");
  assertEquals(dialFailure(system("EHOSTUNREACH", "No route"), signal()), "unreachable");
  assertEquals(dialFailure(system("EMFILE", "Too many"), signal()), "no descriptor");
  assertEquals(dialFailure(system("EADDRNOTAVAIL", "None"), signal()), "no local port");
  assertEquals(dialFailure(new Error("?"), signal()), "failed");
}, PURE);

t(
  "wasEstablished() recognizes the errors of a connection that was reset after the handshake",
  () => {
    const reset = [
      Object.assign(new errors.ConnectionReset(), { code: "ECONNRESET" }),
      Object.assign(new errors.NotConnected(), { code: "ENOTCONN" }),
      system("EPIPE", "Broken pipe"),
    ];
    assertEquals(reset.map(wasEstablished), [true, true, true]);
    const failed = [
      system("ECONNREFUSED", "Connection refused"),
      system("EMFILE", "Too many"),
      null,
    ];
    assertEquals(failed.map(wasEstablished), [false, false, false]);
  },
  PURE,
);
