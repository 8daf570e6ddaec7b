import { assertEquals } from "@std/assert";
import { bindMessage, bindReason } from "../../../lib/engine/bind_message.ts";
import { t } from "../../helpers/t.ts";

const PURE = { permissions: "none" } as const;
const AT = { address: "192.0.2.1", port: 443 };

t("bindMessage() names purpose, address, port and reason", () => {
  const inUse = { failure: "in use", reason: "Address already in use" } as const;
  assertEquals(
    bindMessage(inUse, { ...AT, purpose: "local" }),
    "can't bind local address 192.0.2.1:443: address already in use",
  );
  assertEquals(
    bindMessage(inUse, { address: "::1", port: 9550, purpose: "metrics" }),
    "can't bind metrics address [::1]:9550: address already in use",
  );
}, PURE);

t(
  "bindReason() hints at privileged ports only below the first port that needs no privilege",
  () => {
    const denied = { failure: "no permission", reason: "Permission denied" } as const;
    assertEquals(
      bindReason(denied, AT, () => 1024),
      "permission denied: a port below 1024 needs CAP_NET_BIND_SERVICE or root",
    );
    assertEquals(bindReason(denied, AT, () => 443), "permission denied");
  },
  PURE,
);

t("bindReason() explains an address that is not local, and keeps other reasons", () => {
  assertEquals(
    bindReason({ failure: "not local", reason: "Cannot assign requested address" }, AT),
    "cannot assign requested address: 192.0.2.1 is not an address of this host",
  );
  assertEquals(
    bindReason({ failure: "no descriptor", reason: "Too many open files in system" }, AT),
    "too many open files",
  );
  assertEquals(
    bindReason({ failure: "failed", reason: "Invalid argument" }, AT),
    "invalid argument",
  );
}, PURE);
