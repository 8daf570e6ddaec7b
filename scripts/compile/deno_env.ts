/**
 * The environment for `deno compile`: that of the caller without the variables that would change
 * the executable (`DENO_*`, `OTEL_*`, `JSR_URL`), but with those needed to reach a registry.
 *
 * @param extra Variables to add.
 * @param base The caller's environment. Default: that of this process.
 */
export function denoEnv(
  extra: Readonly<Record<string, string>>,
  base: Readonly<Record<string, string>> = Deno.env.toObject(),
): Record<string, string> {
  const keep = ["DENO_CERT", "DENO_TLS_CA_STORE", "DENO_AUTH_TOKENS"];
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries(base)) {
    if (!/^(DENO|DENORT|OTEL|JSR)_/.test(name) || keep.includes(name)) env[name] = value;
  }
  return {
    ...env,
    NO_COLOR: "1",
    DENO_NO_UPDATE_CHECK: "1",
    DENO_NO_PACKAGE_JSON: "1",
    ...extra,
  };
}
