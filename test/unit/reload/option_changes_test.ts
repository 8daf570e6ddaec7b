import { assertEquals } from "@std/assert";
import { OPTIONS } from "../../../lib/cli/option_table.ts";
import { parseOptions } from "../../../lib/cli/options.ts";
import { optionChanges, optionsInForce } from "../../../lib/reload/option_changes.ts";
import { t } from "../../helpers/t.ts";

const PURE = { permissions: "none" } as const;

const options = (...argv: string[]) => parseOptions([...argv, "8080", "a", "b"]);

t("optionChanges() distinguishes what applies from what needs a start", () => {
  const changes = (...argv: string[]) => optionChanges(options("-f"), options("-f", ...argv));
  assertEquals(changes(), { applied: [], fixed: [] });
  assertEquals(changes("-T", "9", "--check", "tcp", "--grace", "1", "-H"), {
    applied: ["hash-failover", "idle-timeout", "check", "grace"],
    fixed: [],
  });
  assertEquals(changes("--workers", "3", "--log", "x", "--dump-file", "d", "-b", "::1"), {
    applied: [],
    fixed: ["bind", "workers", "log", "packet-dump"],
  });
  const dump = ["-f", "--dump-file", "d", "--dump-match", "x"];
  assertEquals(optionChanges(options(...dump), options(...dump)), { applied: [], fixed: [] });
  // Clients that do not wait cannot begin to, but may wait longer.
  assertEquals(changes("--wait", "5"), { applied: [], fixed: ["wait"] });
  const waiting = options("-f", "--wait", "5");
  const longer = optionChanges(waiting, options("-f", "--wait", "6"));
  assertEquals(longer, { applied: ["wait"], fixed: [] });
}, PURE);

t("optionsInForce() has the new values of what applies only", () => {
  const before = options("-f", "--wait", "5:10", "-T", "1");
  const after = options("-f", "--wait", "6:20", "-T", "2", "--workers", "4");
  const { backends: { wait }, idleTimeoutS, workers } = optionsInForce(before, after);
  assertEquals([wait, idleTimeoutS, workers], [{ ms: 6000, max: 10 }, 2, 1]);
  const none = optionsInForce(options("-f"), after);
  assertEquals([none.backends.wait, none.idleTimeoutS], [undefined, 2]);
}, PURE);

t("every option that a file may have is known to reloads", () => {
  const irrelevant = new Set(["c", "i", "M", "help", "version", "completions", "list", "json"]);
  for (const one of ["strict", "config", "test", "takeover", "f"]) irrelevant.add(one);
  const unknown = OPTIONS.filter(({ name, argument }) => {
    // The settings of a dump are compared as a whole.
    if (irrelevant.has(name) || (name.startsWith("dump-") && name !== "dump-file")) return false;
    const argv = sample(name, argument);
    const { applied, fixed } = optionChanges(options("-f"), options("-f", ...argv));
    return applied.length + fixed.length === 0;
  });
  assertEquals(unknown.map(({ name }) => name), ["schedule"]);
}, PURE);

/** An option with a value that is not the default. */
function sample(name: string, argument: string | undefined): string[] {
  const values: Readonly<Record<string, string>> = {
    ...{ check: "tcp", passive: "3", "on-down": "close", schedule: "least", engine: "epoll" },
    ...{
      allow: "10.0.0.0/8",
      deny: "10.0.0.0/8",
      "accept-proxy": "10.0.0.0/8",
      "send-proxy": "v1",
    },
    ...{ "log-format": "json", metrics: "9100", "metrics-host": "a" },
  };
  const word = name.length === 1 ? `-${name}` : `--${name}`;
  const extra = name === "metrics-host" ? ["--metrics", "1"] : [];
  return [...extra, word, ...(argument === undefined ? [] : [values[name] ?? "7"])];
}
