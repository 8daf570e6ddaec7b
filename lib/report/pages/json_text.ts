/** A value of JSON; arrays may be generated while they are read. */
export type Json =
  | string
  | number
  | boolean
  | null
  | undefined
  | { readonly [name: string]: Json }
  | Iterable<Json>;

/**
 * The text of `JSON.stringify(value, null, 2)` in small parts, so that a large value is never in
 * memory at once. Members that are `undefined` are left out. Pure.
 *
 * @param indent Of the line that the value starts in.
 */
export function* jsonText(value: Json, indent = ""): Generator<string> {
  if (typeof value !== "object" || value === null) {
    yield JSON.stringify(value ?? null);
    return;
  }
  const inner = `${indent}  `, isArray = Symbol.iterator in value;
  const [open, end] = isArray ? "[]" : "{}";
  let separator = `${open}\n`;
  for (
    const [name, member] of isArray ? numbered(value as Iterable<Json>) : Object.entries(value)
  ) {
    if (member === undefined && !isArray) continue;
    yield `${separator}${inner}${isArray ? "" : `${JSON.stringify(name)}: `}`;
    yield* jsonText(member, inner);
    separator = ",\n";
  }
  yield separator === ",\n" ? `\n${indent}${end}` : `${open}${end}`;
}

function* numbered(items: Iterable<Json>): Generator<readonly [string, Json]> {
  for (const item of items) yield ["", item];
}
