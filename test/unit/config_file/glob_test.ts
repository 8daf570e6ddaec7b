import { assertEquals } from "@std/assert";
import { glob } from "../../../lib/config_file/glob.ts";
import { filesOf } from "../../helpers/config_file/files_of.ts";
import { t } from "../../helpers/t.ts";

const PATHS = [
  "/d/b.conf",
  "/d/a.conf",
  "/d/a10.conf",
  "/d/.hidden.conf",
  "/d/x.conf~",
  "/d/x+y.conf",
  "/d/[z].conf",
  "/e/1/a.conf",
  "/e/2/b.conf",
  "/e/2/a.conf",
];
const { list } = filesOf(Object.fromEntries(PATHS.map((path) => [path, ""])));

t("glob() finds names as a shell does, sorted", () => {
  const cases: [string, string[]][] = [
    ["/d/*.conf", ["/d/[z].conf", "/d/a.conf", "/d/a10.conf", "/d/b.conf", "/d/x+y.conf"]],
    ["/d/?.conf", ["/d/a.conf", "/d/b.conf"]],
    ["/d/[ab].conf", ["/d/a.conf", "/d/b.conf"]],
    ["/d/[!a].conf", ["/d/b.conf"]],
    ["/d/[b-z].conf", ["/d/b.conf"]],
    ["/d/[z-b].conf", []],
    ["/d/a*", ["/d/a.conf", "/d/a10.conf"]],
    ["/d/*+*", ["/d/x+y.conf"]],
    ["/d/.*", ["/d/.hidden.conf"]],
    ["/d/[[]z].conf", ["/d/[z].conf"]],
    ["/e/*/a.conf", ["/e/1/a.conf", "/e/2/a.conf"]],
    ["/e/*/*", ["/e/1/a.conf", "/e/2/a.conf", "/e/2/b.conf"]],
    ["/*/b.conf", ["/d/b.conf"]],
    ["/nothing/*.conf", []],
    ["/d/*/x", []],
  ];
  for (const [pattern, found] of cases) assertEquals(glob(pattern, list), found, pattern);
}, { permissions: "none" });
