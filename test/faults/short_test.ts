/**
 * The short part of test/faults for every run of the tests: the same tests with small numbers.
 * Tests that measure latency or take long run only with `deno task test:faults`.
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
await import("./idle_faults.ts");
await import("./few_descriptors_faults.ts");
await import("./pipes_faults.ts");
await import("./worker_bugs_faults.ts");
