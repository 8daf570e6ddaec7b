import { assertEquals } from "@std/assert";
import { outsidePath } from "../../../lib/native/private_tmp.ts";
import { t } from "../../helpers/t.ts";

const UNIT = "/systemd-private-2b5c-balance@web.service-Qx1yZ9/tmp";

function mounts(...lines: [root: string, point: string][]): string {
  return lines.map(([root, point], index) =>
    `${500 + index} 480 254:0 ${root} ${point} rw,relatime shared:1 - ext4 /dev/vda rw\n`
  ).join("");
}

t("a file in a private /tmp is named as other processes see it", () => {
  // /tmp is a directory of the root file system.
  const inRoot = mounts(["/", "/"], [`/tmp${UNIT}`, "/tmp"], [`/var/tmp${UNIT}`, "/var/tmp"]);
  assertEquals(outsidePath("/tmp/x.json", inRoot), `/tmp${UNIT}/x.json`);
  assertEquals(outsidePath("/var/tmp/a/b", inRoot), `/var/tmp${UNIT}/a/b`);
  // /tmp is a separate file system.
  assertEquals(outsidePath("/tmp/x", mounts(["/", "/tmp"], [UNIT, "/tmp"])), `/tmp${UNIT}/x`);
});

t("any other file keeps its name", () => {
  const own = mounts(["/", "/"], [`/tmp${UNIT}`, "/tmp"]);
  assertEquals(outsidePath("/var/log/balance/x.json", own), "/var/log/balance/x.json");
  assertEquals(outsidePath("/tmpfoo/x", own), "/tmpfoo/x");
  assertEquals(outsidePath("/var/tmp/x", own), "/var/tmp/x");
  assertEquals(outsidePath("/tmp/x", mounts(["/", "/"], ["/", "/tmp"])), "/tmp/x");
  assertEquals(outsidePath("/tmp/x", mounts([`/tmp${UNIT}`, "/tmp"], ["/", "/tmp"])), "/tmp/x");
  assertEquals(outsidePath("/tmp/x", ""), "/tmp/x");
});

t("blanks in mount points are escaped", () => {
  const name = "/systemd-private-1-a\\040b-2/tmp";
  assertEquals(
    outsidePath("/tmp/x", mounts([name, "/tmp"])),
    "/tmp/systemd-private-1-a b-2/tmp/x",
  );
});

t("the own mounts are read where the C library can be called", () => {
  assertEquals(outsidePath("/tmp/x"), "/tmp/x");
});
