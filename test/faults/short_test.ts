/**
 * The short part of the suite in test/faults, for every run of the gate: the same tests with small
 * numbers. What measures latencies or takes its time is left to `deno task test:faults`.
 *
 * @module
 */
if (Deno.env.get("BALANCE_FAULTS_SCALE") === undefined) {
  Deno.env.set("BALANCE_FAULTS_SCALE", "0.01");
}

await import("./integrity_faults.ts");
await import("./descriptors_faults.ts");
await import("./hostile_faults.ts");
await import("./death_faults.ts");
