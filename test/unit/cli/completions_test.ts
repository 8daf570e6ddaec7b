/** Shell completions: the generated scripts, and what real shells offer with them. */

import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { UsageError } from "../../../lib/base/errors.ts";
import { completions, type Shell, SHELLS } from "../../../lib/cli/completions.ts";
import { namesOf, OPTIONS } from "../../../lib/cli/option_table.ts";
import { COMMANDS } from "../../../lib/control/commands/commands.ts";
import { FILES } from "../../../scripts/package/completions.ts";
import { runBalance } from "../../helpers/program/start_balance.ts";
import { runProgram } from "../../helpers/program/start_program.ts";
import { skip, t, tool } from "../../helpers/t.ts";

const FOLDER = new URL("../../../scripts/package/completions/", import.meta.url).pathname;
const scriptFor = (shell: Shell): string => completions(shell, { commands: COMMANDS });
const LONG = OPTIONS.flatMap(namesOf).filter((name) => name.length > 1).map((name) => `--${name}`);

for (const shell of SHELLS) {
  t(`the completions for ${shell} in scripts/package are up to date`, async () => {
    assertEquals(
      await Deno.readTextFile(`${FOLDER}${FILES[shell]}`),
      scriptFor(shell),
      "stale; run deno run -A scripts/package/completions.ts",
    );
  });
}

t("--completions prints the script and exits, ignoring other options", async () => {
  const { code, stdout, stderr } = await runBalance(["-f", "--completions", "bash"]);
  assertEquals({ code, stderr }, { code: 0, stderr: "" });
  assertEquals(stdout, scriptFor("bash"));
});

t("--completions for an unknown shell is a usage error that names it", async () => {
  const { code, stdout, stderr } = await runBalance(["--completions", "tcsh"]);
  const line = "invalid --completions [tcsh]: not one of bash, zsh, fish\n";
  assertEquals({ code, stdout, stderr }, { code: 64, stdout: "", stderr: line });
  assertThrows(() => completions("", { commands: [] }), UsageError, "[]");
});

t("a placeholder of an option determines which arguments are offered", () => {
  const entries = [
    { name: "o", argument: "file", help: "it's a file: [yes]" },
    { name: "form", argument: "text|json", help: "form" },
    { name: "limit", argument: "n[/sec]|off", help: "limit" },
    { name: "check", argument: "spec", help: "check" },
  ];
  const of = (shell: Shell) => completions(shell, { commands: [], entries });
  assertStringIncludes(of("bash"), `    --form)\n      COMPREPLY=($(compgen -W "text json" `);
  assertStringIncludes(of("bash"), `COMPREPLY=($(compgen -f -- "$cur"))`);
  assertStringIncludes(of("zsh"), `'-o+[it'\\''s a file\\: \\[yes\\]]:file:_files'`);
  assertStringIncludes(of("zsh"), `'--form=[form]:text|json:(text json)'`);
  assertStringIncludes(of("fish"), `-s o -r -F -d 'it\\'s a file: [yes]'`);
  assertStringIncludes(of("bash"), `    --limit)\n      COMPREPLY=($(compgen -W "off" `);
  assertStringIncludes(
    of("bash"),
    `    --check)\n      COMPREPLY=($(compgen -W "tcp http:/ redis `,
  );
  assertStringIncludes(of("zsh"), `'--check=[check]:spec:(tcp http\\:/ redis `);
  assertStringIncludes(of("fish"), `-l check -x -a 'tcp http:/ redis `);
  assertStringIncludes(of("fish"), `-l form -x -a 'text json'`);
}, { permissions: "none" });

/** The words that a shell offers for a command line; the cursor is at the last word. */
type Offers = (words: readonly string[]) => Promise<string[]>;

/** Asserts what all shells must offer. */
async function assertOffers(shell: Shell, asking: (path: string) => Offers): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "balance-completions-" });
  try {
    await Deno.writeTextFile(`${folder}/script`, scriptFor(shell));
    await assertCommonOffers(asking(`${folder}/script`));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function assertCommonOffers(offers: Offers): Promise<void> {
  const found = (await offers(["balance", "--"])).filter((word) => word.startsWith("--"));
  assertEquals(found.toSorted(), LONG.toSorted());
  assertEquals(await offers(["balance", "-f", "--gra"]), ["--grace"]);
  assertEquals(await offers(["balance", "-c", "sh"]), ["show"]);
  assertEquals(await offers(["balance", "-fc", "mrtg"]), ["mrtg-bytes", "mrtg-conns"]);
  assertEquals(await offers(["balance", "--completions", "z"]), ["zsh"]);
  assertEquals(await offers(["balance", "--grace", "1"]), []);
  assertEquals(await offers(["balance", "--check", "re"]), ["redis"]);
  assertEquals(await offers(["balance", "--check", "ht"]), ["http:/"]);
  assertEquals(await offers(["balance", "--schedule", "l"]), ["least"]);
  assertEquals(await offers(["balance", "--on-down", "c"]), ["close"]);
  assertEquals(await offers(["balance", "--passive", "o"]), ["off"]);
}

/** Runs a shell to its end; asserts exit code 0 and empty standard error. */
async function shellOutput(command: string, args: string[]): Promise<string> {
  const { stdout, stderr, code } = await runProgram(command, args);
  assertEquals({ code, stderr }, { code: 0, stderr: "" });
  return stdout;
}

/** Calls the completion function as bash does. */
function bashOffers(bash: string, path: string): Offers {
  const script = `source ${path}; complete -p balance
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _balance; printf '%s\\n' "\${COMPREPLY[@]}"`;
  return async (words) => {
    const text = await shellOutput(bash, ["--norc", "-c", script, "bash", ...words]);
    const [registered, ...found] = text.trimEnd().split("\n");
    assertEquals(registered, "complete -F _balance balance");
    return found;
  };
}

const bash = tool("bash");
if (bash === undefined) skip("bash completes options and commands", "bash is not installed");
else {
  t("bash completes options and commands", () =>
    assertOffers("bash", (path) => {
      const offers = bashOffers(bash, path);
      return async (words) => {
        // bash splits words at "="; separators are offered after the port.
        assertEquals(await offers(["balance", "--completions", "=", "b"]), ["bash"]);
        assertEquals(await offers(["balance", "--completions", "="]), ["bash", "zsh", "fish"]);
        for (const before of [["--schedule"], ["--schedule", "="]]) {
          assertEquals(await offers(["balance", ...before, "1", "=", "l"]), ["least"]);
          assertEquals(await offers(["balance", ...before, "rr,1", "=", "l"]), ["least"]);
          assertEquals((await offers(["balance", ...before, "1", "="])).length, 6);
        }
        assertEquals(await offers(["balance", "-f", "8080", "web1,weight", "=", "3"]), []);
        assertEquals(await offers(["balance", "-f", "--grace", "1", "8080", "!"]), ["!"]);
        return await offers(words);
      };
    }));
}

const fish = tool("fish");
if (fish === undefined) skip("fish completes options and commands", "fish is not installed");
else {
  t("fish completes options and commands", () =>
    assertOffers("fish", (path) => async (words) => {
      const script = `source ${path}; complete -C '${words.join(" ")}'`;
      // fish writes files to its home directory.
      const home = `HOME=${path}.home`;
      const text = await shellOutput("/usr/bin/env", [home, fish, "--no-config", "-c", script]);
      return text.split("\n").filter(Boolean).map((line) => line.split("\t")[0] ?? "");
    }));
}

const zsh = tool("zsh");
if (zsh === undefined) skip("zsh completes options and commands", "zsh is not installed");
else {
  t("zsh completes options and commands", () =>
    assertOffers("zsh", (path) => async (words) => {
      // zsh completes only in an interactive shell on a terminal: the script starts one that records
      // every added match and prints them for ^T.
      const script = `zmodload zsh/zpty || exit 1
zpty z zsh -f -i
zpty -w z 'PS1=; autoload -U compinit; compinit -D; source ${path}'
zpty -w z 'compadd() {
  [[ " $* " == *" -"[DO]" "* ]] && { builtin compadd "$@"; return }
  local -a hits; builtin compadd -O hits "$@"; found+=($hits); builtin compadd "$@"
}'
zpty -w z 'offers() {
  found=(); _main_complete; compstate[insert]= compstate[list]=; print -rl -- OFFERS $found END
}'
zpty -w z 'zle -C offers list-choices offers; bindkey "^T" offers; print REA""DY'
zpty -r -m z seen '*READY*' || exit 1
zpty -n -w z "$1"$'\\x14'
zpty -r -m z seen '*OFFERS*END*' || exit 1
print -r -- "$seen"
zpty -d z`;
      const text = await shellOutput(zsh, ["-f", "-c", script, "zsh", words.join(" ")]);
      const found = /OFFERS\s+([\s\S]*?)END/.exec(text)?.[1] ?? "";
      return [...new Set(found.split(/\s+/).filter(Boolean))];
    }));
}
