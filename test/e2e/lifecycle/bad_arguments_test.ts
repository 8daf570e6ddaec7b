import { assert, assertEquals, assertMatch } from "@std/assert";
import { assertRecorded } from "../../helpers/golden/golden.ts";
import { named, refusing } from "../../helpers/net/backends.ts";
import { distribution } from "../../helpers/net/client.ts";
import { freePort } from "../../helpers/net/ports.ts";
import { program } from "../../helpers/program/program.ts";
import { runBalance, startBalance } from "../../helpers/program/start_balance.ts";
import { runProgram } from "../../helpers/program/start_program.ts";
import { skip, t, tool } from "../../helpers/t.ts";
import { tempDir } from "../../helpers/temp_dir.ts";

const GOOD = "127.0.0.1:9";
const channels = (count: number): string[] => Array(count).fill(GOOD);

/** Arguments, the exit code, and the line on stderr, or `<USAGE>`. */
const cases: ReadonlyArray<{ argv: string[]; code: number; stderr: string | RegExp }> = [
  { argv: [], code: 64, stderr: "<USAGE>" },
  { argv: ["-x", "PORT", GOOD], code: 64, stderr: /invalid option -- 'x'/ },
  { argv: ["-f", "-t"], code: 64, stderr: /requires an argument/ },
  { argv: ["-f", "-t", "0", "PORT", GOOD], code: 64, stderr: /\[0\]/ },
  { argv: ["-f", "-T", "x", "PORT", GOOD], code: 64, stderr: /\[x\]/ },

  // Control characters and newlines are escaped.
  {
    argv: ["-f", "--grace", "\x1b[2J\n", "PORT"],
    code: 64,
    stderr: /^invalid --grace \[\\x1b\[2J\\x0a\]: .*\n$/,
  },
  { argv: ["-f", "0", GOOD], code: 64, stderr: "invalid port [0], exiting.\n" },
  { argv: ["-f", "x", GOOD], code: 64, stderr: /\[x\]/ },
  { argv: ["-f", "70000", GOOD], code: 64, stderr: /\[70000\]/ },
  { argv: ["-f", "--", "-1", GOOD], code: 64, stderr: /\[-1\]/ },
  { argv: ["-f", "", GOOD], code: 64, stderr: /\[\]/ },

  {
    argv: ["-f", "PORT", "no.such.host.invalid"],
    code: 65,
    stderr: "unknown or invalid address [no.such.host.invalid]\n",
  },
  { argv: ["-f", "PORT", ""], code: 65, stderr: /\[\]/ },
  { argv: ["-f", "PORT", ":80"], code: 65, stderr: /\[(:80)?\]/ },
  { argv: ["-f", "PORT", "127.0.0.256"], code: 65, stderr: /\[127\.0\.0\.256\]/ },
  {
    argv: ["-f", "-b", "no.such.host.invalid", "PORT", GOOD],
    code: 65,
    stderr: "unknown or invalid address [no.such.host.invalid]\n",
  },

  { argv: ["-f", "PORT", "127.0.0.1:70000"], code: 64, stderr: /\[70000\]/ },
  { argv: ["-f", "PORT", "127.0.0.1:-1"], code: 64, stderr: /\[-1\]/ },
  { argv: ["-f", "PORT", "127.0.0.1:x"], code: 64, stderr: /\[x\]/ },
  { argv: ["-f", "PORT", "127.0.0.1:9:x"], code: 64, stderr: /\[x\]/ },
  { argv: ["-f", "PORT", "127.0.0.1:9:99999999999"], code: 64, stderr: /\[99999999999\]/ },
  { argv: ["-f", "PORT", "[::1:9"], code: 65, stderr: /\[\[::1:9\]/ },
  { argv: ["-f", "PORT", GOOD, "127.0.0.1:70000"], code: 64, stderr: /\[70000\]/ },

  { argv: ["-f", "PORT", "!", GOOD], code: 69, stderr: "balance: no channels in group\n" },
  { argv: ["-f", "PORT", "%"], code: 69, stderr: "balance: no channels in group\n" },
  { argv: ["-f", "PORT", GOOD, "!", "!"], code: 69, stderr: "balance: no channels in group\n" },
  { argv: ["-f", "PORT", ...channels(17)], code: 64, stderr: /^MAXCHANNELS exceeded/ },
  {
    argv: ["-f", "PORT", ...channels(17).flatMap((one) => [one, "!"])],
    code: 64,
    stderr: /^MAXGROUPS exceeded/,
  },
];

t("invalid arguments end with one line and the exit code of 3.35", async () => {
  await Promise.all(Array.from({ length: 2 }, async (_, worker) => {
    for (let i = worker; i < cases.length; i += 2) {
      const { argv, code, stderr } = cases[i]!;
      const name = argv.join(" ");
      const result = await runBalance(argv);
      assertEquals([result.code, result.stdout], [code, ""], `${name}: ${result.stderr}`);
      if (typeof stderr === "string") {
        assertRecorded(result.stderr, stderr, { name });
        continue;
      }
      assert(stderr.test(result.stderr), `${name}: ${result.stderr}`);
      assert(/^[^\n]+\n$/.test(result.stderr), `${name}: more than one line: ${result.stderr}`);
    }
  }));
});

t("unusable but valid channels do not affect the others", async () => {
  await using server = named("B0");
  await using dead = refusing();
  // A port of 0 refuses, and a negative maxc allows no connections.
  const argv = ["-f", "PORT", "127.0.0.1:0", `${server.address}:-1`, dead.address, server.address];
  await using balance = await startBalance(argv);
  assertEquals(await distribution(balance.port, 4), "B0: 4");
});

t("16 groups of 16 channels are accepted", async () => {
  await using server = named("B0");
  const groups = Array.from({ length: 16 }, () => [...channels(15), server.address]);
  const argv = groups.flatMap((group, index) => index === 0 ? group : ["!", ...group]);
  await using balance = await startBalance(["-f", "PORT", ...argv]);
  assertEquals(await distribution(balance.port, 2), "B0: 2");
});

const unreadable = "without a readable /etc/services a built-in table has the common services";
const unshare = tool("unshare");
if (unshare === undefined || !await mayMount(unshare)) {
  skip(unreadable, "unshare cannot create a mount namespace");
} else {
  t(unreadable, async () => {
    using dir = tempDir();
    // Opening a socket as a file fails even for root.
    const socket = Deno.listen({ transport: "unix", path: `${dir.path}/socket` });
    try {
      const { command, args } = program({ cachedOnly: true });
      const run = async (...argv: string[]) =>
        await runProgram(unshare, [
          ...["-m", "sh", "-c", `mount --bind ${dir.path}/socket /etc/services && exec "$@"`, "sh"],
          ...[command, ...args, "-f", "-b", "127.0.0.1", ...argv],
        ]);
      await using taken = named("B0");
      const known = await run(String(taken.port), "127.0.0.1:http");
      const message = `balance: can't bind local address 127.0.0.1:${taken.port}: `;
      assertEquals([known.code, known.stderr], [69, `${message}address already in use\n`]);
      const unknown = await run(String(freePort()), "127.0.0.1:no-such-service");
      assertEquals(unknown.code, 64);
      assertMatch(unknown.stderr, /^[^\n]*\[no-such-service\][^\n]*\n$/);
    } finally {
      socket.close();
    }
  });
}

async function mayMount(unshare: string): Promise<boolean> {
  const script = "test -e /etc/services && mount --bind /dev/null /etc/services";
  return (await runProgram(unshare, ["-m", "sh", "-c", script])).code === 0;
}

const notUtf8 = "an argument that is not UTF-8 is named";
if (Deno.env.get("BALANCE_BIN") || !/^2\.9\./.test(Deno.version.deno)) {
  skip(notUtf8, "this Deno rejects it itself");
} else {
  t(notUtf8, async () => {
    const { command, args } = program({ cachedOnly: true });
    const script = 'exec "$@" "$(printf "ho\\377st:80")"';
    const { code, stdout, stderr } = await runProgram("sh", [
      ...["-c", script, "sh", command, ...args, "-f", String(freePort())],
    ]);
    assertEquals([code, stdout], [64, ""]);
    assertEquals(stderr, "balance: argument [ho\uFFFDst:80] is not UTF-8\n");
  });
}

t("an environment variable that is not UTF-8 is named", async () => {
  const { command, args } = program({ cachedOnly: true });
  for (const argv of [["-f", "PORT", GOOD], ["PORT", GOOD], ["-c", "show", "PORT"]]) {
    const script = 'BALANCE_SYSLOG="/$(printf "\\377")" exec "$@"';
    const words = argv.map((word) => word === "PORT" ? String(freePort()) : word);
    const { code, stdout, stderr } = await runProgram("sh", [
      ...["-c", script, "sh", command, ...args, ...words],
    ]);
    assertEquals([code, stdout], [64, ""]);
    assertEquals(stderr, "balance: environment variable BALANCE_SYSLOG is not UTF-8\n");
  }
});
