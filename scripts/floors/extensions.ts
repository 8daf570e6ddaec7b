/** Whether a file is a module or a declaration, in any language that Deno can import. */
export function isModule(file: string): boolean {
  return /\.[cm]?[jt]sx?$/.test(file);
}

/** Whether a file is source text: a module or C. */
export function isSource(file: string): boolean {
  return isModule(file) || file.endsWith(".c");
}

/** Modules that are not plain TypeScript, one line each. */
export function foreignModules(files: readonly string[]): string[] {
  return files.filter((file) => isModule(file) && !file.endsWith(".ts"))
    .map((file) => `${file}: not a .ts file`);
}
