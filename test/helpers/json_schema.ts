/**
 * Validates values against a JSON Schema. It knows the few keywords that the schema of the JSON dump
 * uses, and throws for any other.
 *
 * @module
 */

/** A schema, or a part of one. */
export type Schema = { readonly [word: string]: unknown };

/** Keywords without an effect on validity. */
const COMMENTS = new Set(["$schema", "$defs", "title", "description"]);

/**
 * @returns Violations, one message each; empty if the value is valid.
 * @throws {Error} If the schema has an unknown keyword.
 */
export function violations(schema: Schema, value: unknown, root = schema): string[] {
  return Object.entries(schema).flatMap(([word, wanted]) => {
    const complain = (ok: boolean) =>
      ok ? [] : [`${JSON.stringify(value)} violates ${word} ${JSON.stringify(wanted)}`];
    const fields = (typeof value === "object" && value !== null ? value : {}) as Schema;
    switch (word) {
      case "type":
        return complain(typeOf(value) === wanted || wanted === "number" && isInteger(value));
      case "const":
        return complain(value === wanted);
      case "enum":
        return complain((wanted as unknown[]).includes(value));
      case "pattern":
        return complain(typeof value !== "string" || new RegExp(wanted as string).test(value));
      case "minimum":
        return complain(typeof value !== "number" || value >= (wanted as number));
      case "required":
        return complain((wanted as string[]).every((name) => name in fields));
      case "properties":
        return Object.entries(wanted as Record<string, Schema>)
          .filter(([name]) => name in fields)
          .flatMap(([name, part]) => violations(part, fields[name], root));
      case "additionalProperties":
        if (wanted !== false) throw new Error(`Cannot check additionalProperties ${wanted}`);
        return Object.keys(fields).filter((name) => !(name in (schema.properties as Schema)))
          .map((name) => `${name} is not allowed`);
      case "oneOf":
        return complain(
          (wanted as Schema[]).filter((part) => violations(part, value, root).length === 0)
            .length === 1,
        );
      case "$ref":
        return violations(definition(root, wanted as string), value, root);
      default:
        if (COMMENTS.has(word)) return [];
        throw new Error(`Cannot check ${word}`);
    }
  });
}

function typeOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  return isInteger(value) ? "integer" : typeof value;
}

function isInteger(value: unknown): boolean {
  return Number.isInteger(value);
}

function definition(root: Schema, reference: string): Schema {
  const name = reference.replace("#/$defs/", "");
  const found = (root.$defs as Record<string, Schema> | undefined)?.[name];
  if (found === undefined) throw new Error(`Cannot find ${reference}`);
  return found;
}
