/** `scripts/version_match.ts`: one version in tag, changelog, deno.json and --version. */

import { assertEquals } from "@std/assert";
import { changelogVersion, mismatches, printedVersion } from "../../../scripts/version_match.ts";
import { t } from "../../helpers/t.ts";

t("changelogVersion() returns the newest version, after [Unreleased]", () => {
  const text = "# Changelog\n\n## [Unreleased]\n\n### Added\n- 9.9.9\n\n## [4.1.0] - 2026-01-31\n" +
    "\n## [4.0.0] - 2025-12-01\n";
  assertEquals(changelogVersion(text), "4.1.0");
  assertEquals(changelogVersion("## 4.0.0-rc.1\n"), "4.0.0-rc.1");
  assertEquals(changelogVersion("# Changelog\n\n## [Unreleased]\n"), undefined);
  assertEquals(changelogVersion(""), undefined);
});

t("printedVersion() returns the version in the output of --version", () => {
  assertEquals(printedVersion("balance 4.0.0\n"), "4.0.0");
  assertEquals(printedVersion("usage\n"), undefined);
});

t("mismatches() returns one line for each place with another version", () => {
  const all = { config: "4.0.0", changelog: "4.0.0", program: "4.0.0", tags: ["v4.0.0"] };
  assertEquals(mismatches(all), []);
  assertEquals(mismatches({ ...all, tags: [] }), []);
  assertEquals(
    mismatches({ config: "4.0.0", changelog: undefined, program: "3.9.0", tags: ["v4.0.1"] }),
    [
      "The git tag is [v4.0.1], deno.json has [4.0.0]",
      "CHANGELOG.md has [no version], deno.json has [4.0.0]",
      "--version prints [3.9.0], deno.json has [4.0.0]",
    ],
  );
  assertEquals(mismatches({ ...all, config: undefined }), ["deno.json has no version"]);
});
