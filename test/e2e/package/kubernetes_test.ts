/** The manifests for Kubernetes: valid for its API, and in agreement with each other. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { runBalance } from "../../helpers/program/start_balance.ts";
import { runProgram } from "../../helpers/program/start_program.ts";
import { skip, t } from "../../helpers/t.ts";
import { tempDir } from "../../helpers/temp_dir.ts";

const FOLDER = new URL("../../../scripts/package/kubernetes/", import.meta.url).pathname;
const SCRIPT = new URL("../../helpers/kubernetes/validate.ts", import.meta.url).pathname;

/** A manifest; only what is looked at. */
// deno-lint-ignore no-explicit-any
type Manifest = Record<string, any>;

const files = [...Deno.readDirSync(FOLDER)].map(({ name }) => `${FOLDER}${name}`).sort();
const { code, stdout, stderr } = await validate(files);
const isThere = code === 0 || !/getting|download|fetch|resolving|network/i.test(stderr);
const story = isThere
  ? t
  : (name: string) => skip(name, "the schemas of Kubernetes cannot be downloaded");

function validate(paths: readonly string[]) {
  const flags = ["run", "--quiet", "--no-config", "--no-lock", "--no-check", "-A"];
  return runProgram(Deno.execPath(), [...flags, SCRIPT, ...paths], { timeoutMs: 120_000 });
}

function found(): Manifest[] {
  assertEquals(code, 0, stderr);
  return JSON.parse(stdout).manifests;
}

/** The pods of the Deployment and of the DaemonSet. */
function pods(): Manifest[] {
  const specs = found().filter(({ kind }) => kind === "Deployment" || kind === "DaemonSet");
  assertEquals(specs.length, 2);
  return specs.map(({ spec }) => spec.template);
}

function configuration(): string {
  return found().find(({ kind }) => kind === "ConfigMap")!.data["balance.conf"];
}

story("the manifests are valid, without unknown fields", () => {
  assertEquals([code, JSON.parse(stdout).faults], [0, []]);
});

story("a wrong type and a typing error in a field are found", async () => {
  using dir = tempDir();
  const text = Deno.readTextFileSync(`${FOLDER}deployment.yaml`);
  const edits = {
    "replicas: 2": "replicas: two",
    readOnlyRootFilesystem: "readonlyRootFilesystem",
  };
  for (const [from, to] of Object.entries(edits)) {
    assert(text.includes(from));
    Deno.writeTextFileSync(`${dir.path}/bad.yaml`, text.replace(from, to));
    const { faults } = JSON.parse((await validate([`${dir.path}/bad.yaml`])).stdout);
    assertMatch(faults.join("\n"), /replicas must be integer|readonlyRootFilesystem is unknown/);
  }
});

story("balance accepts the configuration, though the name has no address yet", async () => {
  using dir = tempDir();
  const file = `${dir.path}/balance.conf`;
  Deno.writeTextFileSync(file, configuration());
  const { code, stderr } = await runBalance(["--test", "--config", file]);
  assertEquals([code, stderr], [0, ""]);
});

story("the pods run without privileges, on a file system that they cannot change", () => {
  for (const { spec } of pods()) {
    const [{ securityContext, volumeMounts }] = spec.containers;
    assertEquals(spec.securityContext.runAsNonRoot, true);
    assertEquals(securityContext, {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
    });
    const mounted = volumeMounts.map(({ name }: Manifest) => name);
    assertEquals(spec.volumes.map(({ name }: Manifest) => name), mounted);
  }
});

story("probes, ports and times agree with the configuration", () => {
  const value = (name: string) => RegExp(`^${name} +(.*)$`, "m").exec(configuration())?.[1] ?? "";
  const metricsPort = Number(value("metrics").split(":").pop());
  for (const { metadata, spec } of pods()) {
    const [{ ports, readinessProbe, livenessProbe, lifecycle }] = spec.containers;
    const port = (name: string) => ports.find((one: Manifest) => one.name === name).containerPort;
    assertEquals([port("tcp"), port("metrics")], [Number(value("listen")), metricsPort]);
    assertEquals(readinessProbe.httpGet, { path: "/healthz", port: "metrics" });
    assertEquals(livenessProbe.httpGet.port, "metrics");
    assertEquals(metadata.annotations["prometheus.io/port"], String(metricsPort));
    const command: string = lifecycle.preStop.exec.command.at(-1);
    const [, pause, drain, at] = /^sleep (\d+); balance -c 'drain --all (\d+)' (\d+)$/
      .exec(command) ?? [];
    assertEquals(at, value("listen"));
    const needed = Number(pause) + Number(drain) + Number(value("grace"));
    assert(spec.terminationGracePeriodSeconds > needed, `${needed} s`);
  }
});

story("the channels are those of the headless service", () => {
  const headless = found().find(({ spec }) => spec?.clusterIP === "None")!;
  const channel = RegExp(
    `^${headless.metadata.name}\\.[\\w.]*\\*:${headless.spec.ports[0].port}$`,
    "m",
  );
  assertMatch(configuration(), channel);
  assertMatch(configuration(), /^resolve ttl$/m);
});
