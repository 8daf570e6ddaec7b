import { assertEquals, assertThrows } from "@std/assert";
import { splitAttributes } from "../../../lib/address/channel_spec.ts";
import { parseChannelAttributes } from "../../../lib/check/channel_attributes.ts";
import { parseCheckSpec } from "../../../lib/check/spec.ts";
import { SpecError } from "../../../lib/check/spec_error.ts";
import { t } from "../../helpers/t.ts";

t("parseChannelAttributes() parses each attribute; one that is absent is absent", () => {
  assertEquals(parseChannelAttributes([]), {});
  assertEquals(parseChannelAttributes(["weight=0"]), { weight: 0 });
  assertEquals(parseChannelAttributes(["check-port=8008", "check=http:/a=b", "weight=256"]), {
    weight: 256,
    check: parseCheckSpec("http:/a=b"),
    checkPort: 8008,
  });
  assertEquals(parseChannelAttributes(["check=none"]), { check: { text: "none", kind: "none" } });
}, { permissions: "none" });

t("a bare id after send-proxy=v2 belongs to it", () => {
  const { attributes } = splitAttributes("web:80,send-proxy=v2,id,weight=2");
  assertEquals(parseChannelAttributes(attributes), { sendProxy: "v2,id", weight: 2 });
  for (const sendProxy of ["v1", "v2", "none"] as const) {
    assertEquals(parseChannelAttributes([`send-proxy=${sendProxy}`]), { sendProxy });
  }
}, { permissions: "none" });

t("commas and = within a check belong to it", () => {
  const { attributes } = splitAttributes("web:80:9,check=http:/health=200-299,401,weight=2");
  assertEquals(parseChannelAttributes(attributes), {
    check: parseCheckSpec("http:/health=200-299,401"),
    weight: 2,
  });
}, { permissions: "none" });

for (
  const [pairs, message] of [
    [["wieght=3"], "invalid attribute [wieght=3]: unknown key (did you mean weight?)"],
    [
      ["=3"],
      "invalid attribute [=3]: unknown key; known are weight, check, check-port, send-proxy",
    ],
    [["weight"], "invalid attribute [weight]: an attribute is KEY=VALUE"],
    [["weight=1", "weight=1"], "invalid attribute [weight=1]: weight is given twice"],
    [["weight="], "invalid attribute [weight=]: not a number from 0 to 256"],
    [["weight=257"], "invalid attribute [weight=257]: not a number from 0 to 256"],
    [["weight=-1"], "invalid attribute [weight=-1]: not a number from 0 to 256"],
    [["weight=1.5"], "invalid attribute [weight=1.5]: not a number from 0 to 256"],
    [["check-port=0"], "invalid attribute [check-port=0]: not a number from 1 to 65535"],
    [["check-port=99999"], "invalid attribute [check-port=99999]: not a number from 1 to 65535"],
    [
      ["send-proxy=v3"],
      "invalid attribute [send-proxy=v3]: want v1, v2, v2,id or none",
    ],
    [["check=http:x"], "invalid check [http:x]: the path must start with /"],
  ] as const
) {
  t(`parseChannelAttributes() rejects ${pairs.join(",")}`, () => {
    assertEquals(assertThrows(() => parseChannelAttributes(pairs), SpecError).message, message);
  }, { permissions: "none" });
}
