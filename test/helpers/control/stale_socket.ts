/** Leaves the socket of a killed process: bound, linked elsewhere, and closed. */
export function leaveStale(path: string): void {
  const listener = Deno.listen({ transport: "unix", path: `${path}.x` });
  Deno.linkSync(`${path}.x`, path);
  listener.close();
}
