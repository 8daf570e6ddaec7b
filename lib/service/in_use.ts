/** Hints for a start that fails because its address is in use. */

import { formatEndpoint } from "../address/host_port.ts";
import type { Endpoint } from "../base/endpoint.ts";
import { findInstances, type Instance } from "../control/instances.ts";
import { lookedFor, named, optionsFor } from "../control/no_master.ts";
import { userName } from "../system/user_name.ts";

/**
 * For `--takeover`: if it has found no balance at an address, what it looked for, and which balances
 * run on that port.
 */
export async function takeoverHint(at: Endpoint): Promise<string> {
  const instances = await findInstances({ port: at.port });
  // Why one that was found is not taken over was reported.
  if (instances.some((one) => one.at.address === at.address)) return "";
  const others = instances.map((one) =>
    `${named(one)}: to take it over, use ${optionsFor(one.at.address)}`
  );
  const found = others.length === 0
    ? `no balance answers on port ${at.port}`
    : `on this port runs ${others.join(", ")}`;
  return `to take it over, ${lookedFor(at)}; ${found}`;
}

/** For `--test`: whether it is a balance that listens there; empty if none answers. */
export async function testHint(at: Endpoint): Promise<string> {
  const answering = (await findInstances({ port: at.port })).filter(isRunning);
  const there = answering.find((one) => one.at.address === at.address);
  if (there?.uid === Deno.uid()) {
    return "a balance runs there: test a reload or takeover with --takeover --test";
  }
  if (there !== undefined) return `a balance of user ${userName(there.uid)} runs there`;
  const [other] = answering;
  return other === undefined ? "" : `a balance runs on ${formatEndpoint(other.at)}`;
}

function isRunning({ state }: Instance): boolean {
  return state === "running";
}
