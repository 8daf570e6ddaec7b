/** The runtime stub of the executable: cut out of a program, fetched, verified. */

import { assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { cutStub, MAGIC } from "../../../scripts/compile/cut_stub.ts";
import { checkDigest, sha256 } from "../../../scripts/compile/digest.ts";
import { REGISTRY_STUB, registryStub } from "../../../scripts/compile/registry_stub.ts";
import { stubTarget, TARGETS } from "../../../scripts/compile/targets.ts";
import { ScriptError } from "../../../scripts/system/script_error.ts";
import { t } from "../../helpers/t.ts";
import { tempDir } from "../../helpers/temp_dir.ts";

const encoder = new TextEncoder();

/**
 * A program as `deno compile` makes it: a stub, 24 bytes that belong to the stub but are cut off, the
 * payload, and the trailer.
 */
function program(
  stub: Uint8Array,
  { length, magic = MAGIC }: { length?: bigint; magic?: string } = {},
): Uint8Array<ArrayBuffer> {
  const payload = encoder.encode(`${MAGIC}{"argv":[]}`);
  const bytes = new Uint8Array(stub.length + 24 + payload.length + 24);
  bytes.set(stub);
  bytes.set(payload, stub.length + 24);
  const trailer = stub.length + 24 + payload.length;
  bytes.set(encoder.encode(magic), trailer);
  new DataView(bytes.buffer).setBigUint64(
    trailer + 16,
    length ?? BigInt(payload.length + 24),
    true,
  );
  return bytes;
}

const STUB = encoder.encode("\x7fELF and all the rest of a runtime stub");

t("the stub is cut out of a compiled program", () => {
  assertEquals(cutStub(program(STUB)), STUB);
});

t("the stub is cut out of a view into a larger buffer", () => {
  const bytes = program(STUB);
  const larger = new Uint8Array(bytes.length + 20);
  larger.set(bytes, 10);
  assertEquals(cutStub(larger.subarray(10, 10 + bytes.length)), STUB);
});

t("a file without the magic in its trailer is rejected", () => {
  const error = assertThrows(() => cutStub(program(STUB, { magic: "d3n0l4nx" })), ScriptError);
  assertStringIncludes(error.message, "no trailer of a compiled program");
  assertThrows(() => cutStub(new Uint8Array(0)), ScriptError, "no trailer");
  assertThrows(() => cutStub(new Uint8Array(23)), ScriptError, "no trailer");
});

for (const length of [0n, 24n, 40n, 60n, 83n, 84n, 2n ** 63n, 2n ** 64n - 1n]) {
  t(`a payload length of ${length} that leads to no payload is rejected`, () => {
    const error = assertThrows(() => cutStub(program(STUB, { length })), ScriptError);
    assertStringIncludes(error.message, `no payload of [${length}] bytes`);
  });
}

t("bytes with a digest other than the pinned one are rejected; the error has both", async () => {
  const expected = await sha256(STUB);
  await checkDigest(STUB, { expected, what: "stub" });
  const other = encoder.encode("something else");
  const error = await assertRejects(
    () => checkDigest(other, { expected, what: "stub of x" }),
    ScriptError,
  );
  assertEquals(
    error.message,
    `Refused [stub of x]: SHA-256 is ${await sha256(other)}, expected ${expected}`,
  );
});

t("the stub of the registry is pinned", () => {
  assertEquals(
    REGISTRY_STUB.sha256,
    "1585014fcc9aeabe439a7c2c177c423cfc7b326c16f1a94f4bd65ab53d0b20df",
  );
  assertEquals(REGISTRY_STUB.sources.map((source) => source.package), [
    "@dgellow/rfc-linux-x64@0.0.6",
    "@mcp-stress/linux-x64@0.2.1",
  ]);
});

/** Runs {@linkcode registryStub} with these packages; `undefined` for one that cannot be fetched. */
async function fetchStub(
  cache: string,
  packages: (Uint8Array<ArrayBuffer> | undefined)[],
): Promise<{ asked: string[]; reported: string[]; path: string | undefined; reason: string }> {
  const asked: string[] = [];
  const reported: string[] = [];
  const result = await registryStub({
    cache,
    report: (text) => reported.push(text),
    expected: await sha256(STUB),
    get: (source) => {
      const found = packages[asked.length];
      asked.push(source.package);
      if (found === undefined) return Promise.reject(new ScriptError(`no ${source.package}`));
      return Promise.resolve(found);
    },
  });
  return {
    asked,
    reported,
    path: result.path,
    reason: result.path === undefined ? result.reason : "",
  };
}

t("the stub of the registry is fetched once, and cached", async () => {
  using dir = tempDir();
  const first = await fetchStub(dir.path, [program(STUB)]);
  assertEquals(first.asked, ["@dgellow/rfc-linux-x64@0.0.6"]);
  assertStringIncludes(first.reported.join("\n"), "@dgellow/rfc-linux-x64@0.0.6");
  assertEquals(await Deno.readFile(first.path ?? ""), STUB);
  const second = await fetchStub(dir.path, []);
  assertEquals([second.asked, second.reported, second.path], [[], [], first.path]);
  assertEquals([...Deno.readDirSync(dir.path)].length, 1);
});

t("a cached stub that was changed is not used, but fetched again", async () => {
  using dir = tempDir();
  const { path = "" } = await fetchStub(dir.path, [program(STUB)]);
  await Deno.writeTextFile(path, "something else");
  const again = await fetchStub(dir.path, [program(STUB)]);
  assertEquals(again.asked.length, 1);
  assertStringIncludes(again.reported[0] ?? "", "is damaged");
  assertEquals(await Deno.readFile(path), STUB);
});

t("the second package is used when the first cannot be fetched", async () => {
  using dir = tempDir();
  const { asked, path } = await fetchStub(dir.path, [undefined, program(STUB)]);
  assertEquals(asked, ["@dgellow/rfc-linux-x64@0.0.6", "@mcp-stress/linux-x64@0.2.1"]);
  assertEquals(await Deno.readFile(path ?? ""), STUB);
});

t("a package with another stub is an error at once, and nothing is cached", async () => {
  using dir = tempDir();
  const forged = program(encoder.encode("\x7fELF of another origin"));
  await assertRejects(() => fetchStub(dir.path, [forged, program(STUB)]), ScriptError, "Refused");
  assertEquals([...Deno.readDirSync(dir.path)], []);
});

t("if no package can be fetched, there is one reason for each", async () => {
  using dir = tempDir();
  const { path, reason } = await fetchStub(dir.path, [undefined, undefined]);
  assertEquals(path, undefined);
  assertEquals(reason, "no @dgellow/rfc-linux-x64@0.0.6; no @mcp-stress/linux-x64@0.2.1");
});

t("the target of a stub is read from its header", () => {
  const elf = (machine: number) => {
    const head = new Uint8Array(64);
    head.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
    head[18] = machine;
    return head;
  };
  const mach = (cpu: number) => {
    const head = new Uint8Array(32);
    head.set([0xcf, 0xfa, 0xed, 0xfe, cpu, 0, 0, 1]);
    return head;
  };
  assertEquals(
    [elf(62), elf(183), mach(7), mach(12)].map((head) => stubTarget(head)),
    [...TARGETS],
  );
  assertEquals(stubTarget(elf(3)), undefined);
  assertEquals(stubTarget(encoder.encode("#!/bin/sh\nexec something\n")), undefined);
  assertEquals(stubTarget(new Uint8Array(0)), undefined);
});
