/**
 * balance: a TCP proxy and load balancer; `deno task balance --help` says how to use it.
 *
 * @module
 */

import { NAME } from "./lib/base/version.ts";
import { prepareProcess } from "./lib/system/native.ts";
import { run } from "./lib/process/run.ts";

if (import.meta.main) {
  prepareProcess(NAME);
  Deno.exit(await run(Deno.args));
}
