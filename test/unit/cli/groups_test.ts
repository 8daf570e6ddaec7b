import { assertEquals, assertThrows } from "@std/assert";
import { serviceLookup } from "../../../lib/address/services.ts";
import { UsageError } from "../../../lib/base/errors.ts";
import { parseGroups } from "../../../lib/cli/groups.ts";
import { t } from "../../helpers/t.ts";

const PURE = { permissions: "none" } as const;
const OPTIONS = {
  defaultPort: 80,
  services: serviceLookup(undefined),
  maxGroups: 16,
  maxChannels: 16,
};

t("parseGroups() names the option that raises a limit, unless it is the highest", () => {
  const message = (maxGroups: number, maxChannels: number) =>
    assertThrows(
      () => parseGroups(["a", "b", "!", "c"], { ...OPTIONS, maxGroups, maxChannels }),
      UsageError,
    ).message;
  assertEquals(message(16, 1), "MAXCHANNELS exceeded..., raise the limit of 1 with --max-channels");
  assertEquals(message(1, 16), "MAXGROUPS exceeded..., raise the limit of 1 with --max-groups");
  const many = Array(1025).fill("a");
  const { message: highest } = assertThrows(
    () => parseGroups(many, { ...OPTIONS, maxChannels: 1024 }),
    UsageError,
  );
  assertEquals(highest, "MAXCHANNELS exceeded..., 1024 is the highest possible limit");
}, PURE);

t("parseGroups(): a service name after a host without port is its port, if it is no host", () => {
  const fault = (...args: string[]) => parseGroups(args, OPTIONS)[0]?.channels.at(-1)?.fault;
  assertEquals(fault("web1", "http"), "a colon precedes the port: web1:http");
  assertEquals([fault("http"), fault("web1:80", "http"), fault("web1", "web2")], [
    undefined,
    undefined,
    undefined,
  ]);
}, PURE);
