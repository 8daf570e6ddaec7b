/**
 * The floors, from the ground up. A file imports only from its own floor's folder and from lower
 * floors. Folders that share a floor do not import each other. An entry that names a single file
 * takes that file out of its folder's floor.
 */
export const FLOORS: readonly (readonly string[])[] = [
  ["lib/base"],
  ["lib/address"],
  ["lib/access"],
  ["lib/proxy_protocol"],
  ["lib/native"],
  ["lib/socket"],
  ["lib/reuseport"],
  ["lib/system"],
  ["lib/dns"],
  ["lib/table", "lib/engine"],
  ["lib/schedule"],
  ["lib/wait_line"],
  ["lib/engine/deno", "lib/engine/epoll/system"],
  ["lib/engine/epoll/loop"],
  ["lib/engine/epoll"],
  ["lib/engine/engines.ts"],
  ["lib/check"],
  ["lib/check/probes"],
  ["lib/timing"],
  ["lib/admission"],
  ["lib/connection"],
  ["lib/connection/accept"],
  ["lib/dump/formats", "lib/dump/match"],
  ["lib/dump"],
  ["lib/config_file"],
  ["lib/access/lists"],
  ["lib/cli"],
  ["lib/health"],
  ["lib/state"],
  ["lib/report/http", "lib/report/pages"],
  ["lib/report"],
  ["lib/control/terminal", "lib/control/text"],
  ["lib/control/top"],
  ["lib/control/commands"],
  ["lib/channel_set"],
  ["lib/names"],
  ["lib/control"],
  ["lib/control/shell"],
  ["lib/workers"],
  ["lib/takeover"],
  ["lib/reload"],
  ["lib/service"],
  ["lib/start_test"],
  ["lib/process"],
  ["main.ts"],
  ["scripts/system", "scripts/types"],
  ["scripts/bench/system"],
  ["scripts/bench/load", "scripts/bench/contenders"],
  ["scripts/bench/report"],
  ["scripts/bench/measure"],
  ["scripts/bench", "scripts/compile", "scripts/package", "scripts/floors"],
  ["scripts"],
];

/** Folders that only some files import, besides their own files. */
export const RESERVED: Readonly<Record<string, readonly string[]>> = {
  "lib/engine/deno": ["lib/engine/engines.ts", "lib/check/probes/open.ts"],
  "lib/engine/epoll": ["lib/engine/engines.ts"],
};

/** The helpers of the tests, which scripts may import, and nothing else. */
export const TEST_HELPERS = "test/helpers/";
