/**
 * Validates Kubernetes manifests against the schemas of its API, and prints them as JSON. Run as a
 * program, without the configuration of the project, because its packages are no dependencies of it:
 * `deno run --no-config --no-lock -A validate.ts FILE...`
 *
 * The schemas permit unknown fields, in which Kubernetes would ignore a typing error. So it is noted
 * which fields the validator looks at; the others are unknown.
 *
 * @module
 */

const MODELS = "npm:kubernetes-models@4.5.1", YAML = "npm:deno-std@1.4.0/yaml/mod.js";

interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
}

/** Wraps a value, and all values in it, so that it is noted which fields are read. */
function watched<T>(value: T, path: string, unread: Set<string>): T {
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value);
  const inner = new Map(
    entries.map(([key, one]) => [key, watched(one, `${path}/${key}`, unread)]),
  );
  if (!Array.isArray(value)) { for (const [key] of entries) unread.add(`${path}/${key}`); }
  return new Proxy(value, {
    get(target, key) {
      unread.delete(`${path}/${String(key)}`);
      return inner.has(String(key)) ? inner.get(String(key)) : Reflect.get(target, key);
    },
  });
}

const { parseAll } = await import(YAML), manifests: Manifest[] = [], faults: string[] = [];
for (const file of Deno.args) {
  for (const manifest of parseAll(Deno.readTextFileSync(file)) as Manifest[]) {
    const { apiVersion, kind } = manifest, unread = new Set<string>();
    const { [kind]: Model } = await import(`${MODELS}/${apiVersion}/${kind}`);
    try {
      Model.prototype.validate.call(watched(manifest, "", unread));
    } catch (error) {
      faults.push(`${file}: ${(error as Error).message}`);
    }
    faults.push(...[...unread].map((path) => `${file}: ${path} is unknown`));
    manifests.push(manifest);
  }
}
console.log(JSON.stringify({ manifests, faults }));
