/**
 * A client of an address that moves between machines: connects again and again, and prints a line for
 * each answer, with the time in milliseconds since 1970. Run as a program: `vip_client.ts HOST PORT`.
 *
 * @module
 */
const [hostname = "", port = ""] = Deno.args;
/** Milliseconds that a connection may take, and between two connections. */
const PATIENCE_MS = 150, PAUSE_MS = 10;

async function ask(): Promise<string> {
  const abort = new AbortController();
  const late = setTimeout(() => abort.abort(), PATIENCE_MS);
  try {
    using conn = await Deno.connect({ hostname, port: Number(port), signal: abort.signal });
    abort.signal.addEventListener("abort", () => {
      try {
        conn.close();
      } catch { /* it is closed */ }
    });
    const bytes = new Uint8Array(16), count = await conn.read(bytes);
    return new TextDecoder().decode(bytes.subarray(0, count ?? 0)).trim();
  } finally {
    clearTimeout(late);
  }
}

for (;;) {
  const answer = await ask().catch(() => "");
  if (answer !== "") console.log(`${Date.now()} ${answer}`);
  await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
}
