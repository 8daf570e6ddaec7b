/** Who may connect: `--allow` and `--deny`, and the commands that change them. */

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { hasIpv6, named } from "../../helpers/net/backends.ts";
import { canBindSource, connect, readText } from "../../helpers/net/client.ts";
import { command, controlSession } from "../../helpers/net/control_socket.ts";
import { startWithMetrics, untilMetric } from "../../helpers/metrics/start_with_metrics.ts";
import { freePort } from "../../helpers/net/ports.ts";
import { served, visit } from "../../helpers/edge/visit.ts";
import { waitForLines } from "../../helpers/log/log_file.ts";
import { startControlled } from "../../helpers/program/start_controlled.ts";
import { ENGINE } from "../../helpers/program/program.ts";
import { runBalance } from "../../helpers/program/start_balance.ts";
import { skip, t, until } from "../../helpers/t.ts";
import { tempDir } from "../../helpers/temp_dir.ts";

/** What a refused client gets. */
const REFUSED = ENGINE === "epoll" ? "reset" : "closed";

const V4 = ["127.0.0.1", "127.0.0.2", "127.0.0.3", "127.1.0.1"];

if (!await canBindSource()) {
  skip("access lists", "clients cannot have the address 127.0.0.2 here");
} else {
  t("--allow and --deny decide who is served; the most specific range wins", async () => {
    const cases: [argv: string[], served: string[]][] = [
      [["--deny", "127.0.0.2"], ["127.0.0.1", "127.0.0.3", "127.1.0.1"]],
      [["--allow", "127.0.0.2/31"], ["127.0.0.2", "127.0.0.3"]],
      [["--allow", "127.0.0.0/8", "--deny", "127.0.0.0/16,127.1.0.1/32"], []],
      [["--allow", "127.0.0.0/8,127.0.0.3", "--deny", "127.0.0.0/16"], ["127.0.0.3", "127.1.0.1"]],
      [["--allow", "127.0.0.1", "--allow", "127.1.0.0/16"], ["127.0.0.1", "127.1.0.1"]],
      [["--allow", "::ffff:127.0.0.0/112"], ["127.0.0.1", "127.0.0.2", "127.0.0.3"]],
      [["--allow", "0.0.0.0/0", "--deny", "0.0.0.0/0"], []],
      [["--allow", "::/0"], []],
    ];
    await using backend = named("B0");
    for (const [argv, wanted] of cases) {
      await using balance = await startControlled(["-f", ...argv, "PORT", backend.address], {
        expectStderr: "any",
      });
      assertEquals(await served(balance.port, V4), wanted, argv.join(" "));
      await balance.stop();
    }
  });

  if (!hasIpv6) skip("access lists with IPv6", "this machine has no ::1");
  else {
    t("IPv4 clients of an IPv6 listener count as IPv4", async () => {
      await using backend = named("B0");
      for (
        const [argv, wanted] of [
          [["--deny", "::/0"], ["127.0.0.1"]],
          [["--deny", "127.0.0.1"], ["::1"]],
          [["--allow", "::1"], ["::1"]],
          [["--deny", "::ffff:127.0.0.1"], ["::1"]],
        ] as const
      ) {
        await using balance = await startControlled(
          ["-f", "-6", ...argv, "PORT", backend.address],
          {
            address: "::",
            expectStderr: "any",
          },
        );
        assertEquals(await served(balance.port, ["127.0.0.1", "::1"]), [...wanted], `${argv}`);
        await balance.stop();
      }
    });
  }

  t("a denied client is counted each time, but has one line per minute everywhere", async () => {
    using dir = tempDir();
    await using backend = named("B0");
    const log = `${dir.path}/log`, argv = ["--log", log, "--log-start", "--deny", "127.0.0.2"];
    const metrics = freePort();
    await using balance = await startWithMetrics([`${metrics}`, ...argv, "PORT", backend.address], {
      port: metrics,
      expectStderr: /^client 127\.0\.0\.2 was refused: the access lists deny it\n$/,
    });
    for (let i = 0; i < 5; i++) assertEquals(await visit(balance.port, "127.0.0.2"), REFUSED);
    assertEquals(await visit(balance.port, "127.0.0.1"), "served");
    // The end of a connection that was accepted later is written later.
    const lines = await waitForLines(log, 3);
    const denied = lines.filter((line) => line.includes("reason=denied"));
    assertEquals(denied.length, 1, lines.join("\n"));
    assertMatch(denied[0]!, / type=end id=1 client=127\.0\.0\.2:\d+ .* by=balance reason=denied /);
    assertEquals(lines.filter((line) => line.includes("127.0.0.2:")).length, 1);
    await untilMetric(metrics, "balance_connections_ended_total", { reason: "denied" }, 5);
    await balance.stop();
  });

  t("access, allow and deny show and change who may connect, at once for all workers", async () => {
    await using backend = named("B0");
    await using balance = await startControlled(["-f", "PORT", backend.address], {
      expectStderr: "any",
    });
    using session = await controlSession(balance.socket);
    const ask = (line: string) => command(session, line);
    const clients = V4.slice(0, 3);
    assertMatch(await ask("access"), /^allow +no list\ndeny +no list\nothers +allowed\n/);
    assertEquals(await ask("deny 127.0.0.2"), "127.0.0.2/32 is in the deny list now\n");
    assertEquals(await served(balance.port, clients), ["127.0.0.1", "127.0.0.3"]);
    assertEquals(await ask("deny 127.0.0.2/32"), "127.0.0.2/32 is in the deny list already\n");
    assertEquals(
      await ask("allow 127.0.0.2"),
      "127.0.0.2/32 is in the allow list now, no longer in deny; everything else is denied now\n",
    );
    assertEquals(await served(balance.port, clients), ["127.0.0.2"]);
    await using held = await connect(balance.port, { from: "127.0.0.2" });
    assertEquals(await readText(held, 2), "B0");
    for (
      const [client, answer] of [
        [
          "127.0.0.2",
          /^127\.0\.0\.2 is allowed \(by 127\.0\.0\.2\/32\), 1 open connection: \d+\n$/,
        ],
        [
          "::ffff:127.0.0.3",
          /^127\.0\.0\.3 is denied \(no range contains it\), 0 open connections\n$/,
        ],
      ] as const
    ) {
      // Clients that have left may be counted for a moment.
      let found = "";
      await until(async () => answer.test(found = await ask(`access ${client}`)), {
        what: () => `${answer} instead of ${found}`,
      });
    }
    assertEquals(
      await ask("access remove 127.0.0.2"),
      "127.0.0.2/32 is removed from the allow list; " +
        "everything that is not in the deny list is allowed now\n",
    );
    assertEquals(await served(balance.port, clients), clients);
    const status = JSON.parse(await ask("access --json"));
    assertEquals(status.others, "allow");
    assertEquals(status.refused.denied, 3);
    // A connection that is open stays, whatever its client may do now.
    await ask("deny 127.0.0.0/8");
    await held.send("x");
    assertEquals(await served(balance.port, clients), []);
    for (
      const [line, reply] of [
        ["deny 10.0.0.0/33", "invalid range [10.0.0.0/33]: bits must be 0 to 32"],
        ["allow nobody", "invalid range [nobody]: want ADDRESS or ADDRESS/BITS"],
        ["allow", "usage: allow <cidr>"],
        ["access remove", "usage: access [address] [--json] | remove CIDR"],
        ["access remove 9.9.9.9", "neither list has exactly the range 9.9.9.9/32"],
        ["access nobody", "invalid address [nobody]"],
        ["access 127.1", "invalid address [127.1]"],
        ["access 127.0.0.1%lo", "invalid address [127.0.0.1%lo]"],
        ["access 127.0.0.0/8", "invalid address [127.0.0.0/8]"],
        ["access fe80::5%", "invalid address [fe80::5%]"],
        ["access fe80::5%lo", "fe80::5 is allowed (no range contains it), 0 open connections"],
        ["access 1.1.1.1 2.2.2.2", "too many words: access [address] [--json] | remove CIDR"],
      ] as const
    ) {
      assertEquals(await session.ask(line).then(({ text }) => text), `${reply}\n`, line);
    }
    await held.close();
    await balance.stop();
  });
}

t("a list with a bad range is refused with its file and line", async () => {
  using dir = tempDir();
  const file = `${dir.path}/list`, bad = `${dir.path}/bad`;
  await Deno.writeTextFile(file, "# nobody\n\n10.0.0.0/8 # a network\n  2001:db8::/32\t\n");
  await Deno.writeTextFile(bad, "# nobody\n10.0.0.0/8\n10.0.0.0/33\n");
  for (
    const [list, code, stderr] of [
      ["10.0.0.0/33", 64, "invalid --deny [10.0.0.0/33]: bits must be 0 to 32"],
      ["10.0.0.1,", 64, "invalid --deny []: want a range or @FILE"],
      ["@", 64, "invalid --deny [@]: want a file after @"],
      [`@${bad}`, 64, `balance: ${bad}:3: invalid range [10.0.0.0/33]: bits must be 0 to 32`],
      [`@${dir.path}/none`, 66, `can't read --deny file [${dir.path}/none]: No such file`],
      [`@${dir.path}`, 66, `can't read --deny file [${dir.path}]: Is a directory`],
    ] as const
  ) {
    for (const test of [[], ["--test"]]) {
      const ended = await runBalance(["-f", ...test, "--deny", list, "1", "127.0.0.1"]);
      assertEquals(ended.code, code, ended.stderr);
      assertStringIncludes(ended.stderr, stderr);
    }
  }
});

t(
  "access shows where ranges come from, so that their numbers add up, and the PROXY options",
  async () => {
    using dir = tempDir();
    const file = `${dir.path}/list`;
    await Deno.writeTextFile(file, "10.0.0.0/8\n2001:db8::/32\n10.0.0.0/8\n");
    await using balance = await startControlled([
      ...[
        "-f",
        "--deny",
        `@${file},::1`,
        "--accept-proxy",
        "10.0.0.1,10.0.0.1",
        "--send-proxy",
        "v2",
      ],
      ...["PORT", "127.0.0.1:9,send-proxy=v1", "127.0.0.1:9", "127.0.0.1:9,send-proxy=none"],
    ]);
    using session = await controlSession(balance.socket);
    const access = await command(session, "access");
    assertMatch(access, /^allow +no list\ndeny +3 ranges: /);
    assertStringIncludes(access, ` 3 ranges: 3 from ${file}, 1 from --deny, 1 duplicate\n`);
    assertMatch(access, /^accept-proxy +1 range: 2 from --accept-proxy, 1 duplicate$/m);
    assertMatch(access, /^send-proxy +v2$/m);
    await command(session, "access remove 10.0.0.0/8");
    await command(session, "deny 10.0.0.1");
    assertStringIncludes(
      await command(session, "access"),
      ` 3 ranges: 3 from ${file}, 1 from --deny, 1 duplicate, 1 added, 1 removed\n`,
    );
    const { deny, acceptProxy, sendProxy } = JSON.parse(await command(session, "access --json"));
    assertEquals(deny, {
      ...{ exists: true, ranges: 3, given: 1, files: [{ file, count: 3 }] },
      ...{ duplicates: 1, added: 1, removed: 1 },
    });
    assertEquals(acceptProxy, { ranges: 1, given: 2, files: [], duplicates: 1 });
    assertEquals(sendProxy, "v2");
    const channels: { send_proxy?: string }[] = JSON.parse(await command(session, "show --json"));
    assertEquals(channels.map((one) => one.send_proxy), ["v1", "v2", undefined]);
  },
);

t("status.json names the PROXY header of a channel, if its backend gets one", async () => {
  const metrics = freePort(), backends = ["127.0.0.1:9", "127.0.0.1:9,send-proxy=none"];
  const argv = [`${metrics}`, "--send-proxy", "v2,id", "PORT", ...backends];
  await using balance = await startWithMetrics(argv, { port: metrics });
  const response = await fetch(`http://127.0.0.1:${metrics}/status.json`);
  const { groups: [{ channels }] } = await response.json();
  const sent = channels.map(({ send_proxy }: { send_proxy?: string }) => send_proxy);
  assertEquals(sent, ["v2,id", undefined]);
  await balance.stop();
});
