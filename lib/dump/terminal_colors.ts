/**
 * Whether standard output is a terminal that shows colors, and the user wants them: not with
 * `NO_COLOR`, nor if `TERM` is `dumb` or empty.
 */
export function hasColors(): boolean {
  return Deno.stdout.isTerminal() && !Deno.noColor && !["", "dumb"].includes(terminalType());
}

function terminalType(): string {
  try {
    return Deno.env.get("TERM") ?? "";
  } catch {
    // Run from source without the permission.
    return "";
  }
}
