/** Changes of access lists: reloads, the state file, takeovers. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { served } from "../../helpers/edge/visit.ts";
import { named } from "../../helpers/net/backends.ts";
import { canBindSource } from "../../helpers/net/client.ts";
import { talk } from "../../helpers/net/control_socket.ts";
import { startBackground } from "../../helpers/program/start_background.ts";
import { startControlled } from "../../helpers/program/start_controlled.ts";
import { startConfigured } from "../../helpers/reload/start_configured.ts";
import { skip, t, until } from "../../helpers/t.ts";
import { tempDir } from "../../helpers/temp_dir.ts";

const CLIENTS = ["127.0.0.1", "127.0.0.2", "127.0.0.3"];
const START = { expectStderr: "any" } as const;

if (!await canBindSource()) {
  skip("changes of access lists", "clients cannot have the address 127.0.0.2 here");
} else {
  t(
    "a reload reads the files of lists again; a bad line changes nothing and is named",
    async () => {
      await using backend = named("B0");
      using dir = tempDir();
      const list = `${dir.path}/list`, write = (text: string) => Deno.writeTextFileSync(list, text);
      write("127.0.0.2\n");
      const lines = [`deny @${list}`, backend.address];
      await using web = await startConfigured(lines);
      assertEquals(await served(web.balance.port, CLIENTS), ["127.0.0.1", "127.0.0.3"]);
      write("127.0.0.2\n127.0.0.3 # another one\n");
      assertEquals(await web.reload(...lines), "reloaded: deny changed");
      assertEquals(await served(web.balance.port, CLIENTS), ["127.0.0.1"]);
      write("127.0.0.1\n127.0.0.300\n");
      const failed = await web.reload(...lines);
      assertStringIncludes(failed, "reload failed, nothing has changed: ");
      assertStringIncludes(failed, `${list}:2: invalid range [127.0.0.300]: no such address`);
      assertEquals(await served(web.balance.port, CLIENTS), ["127.0.0.1"]);
      Deno.removeSync(list);
      const missing = await web.reload(...lines);
      assertStringIncludes(
        missing,
        `${web.path}:1: can't read --deny file [${list}]: No such file`,
      );
      assertEquals(await served(web.balance.port, CLIENTS), ["127.0.0.1"]);
      // A relative path starts at the directory of the file.
      Deno.writeTextFileSync(web.path.replace(/[^/]*$/, "few"), "# nobody yet\n");
      assertEquals(
        await web.reload("allow 127.0.0.1", "deny @few", backend.address),
        "reloaded: allow, deny changed",
      );
      assertEquals(await served(web.balance.port, CLIENTS), ["127.0.0.1"]);
      assertEquals(await web.reload(backend.address), "reloaded: allow, deny changed");
      assertEquals(await served(web.balance.port, CLIENTS), CLIENTS);
    },
  );

  t("reload and SIGHUP read the files of lists again also without --config", async () => {
    await using backend = named("B0");
    using dir = tempDir();
    const list = `${dir.path}/list`, write = (text: string) => Deno.writeTextFileSync(list, text);
    write("127.0.0.2\n");
    const argv = ["-f", "--accept-proxy", "10.0.0.1", "--deny", `@${list}`, "PORT"];
    await using balance = await startControlled([...argv, backend.address, backend.address], {
      ...START,
      newSession: true,
    });
    await talk(balance.socket, "disable 1\nremove 1\ndeny 127.0.0.1\n");
    write("127.0.0.3\n");
    assertEquals(await talk(balance.socket, "reload\n"), "reloaded: deny changed\n");
    assertEquals(await served(balance.port, CLIENTS), ["127.0.0.2"]);
    await talk(balance.socket, "access remove 127.0.0.1\n");
    write("127.0.0.2\n127.0.0.1\n127.0.0.1/33\n");
    balance.kill("SIGHUP");
    const reason = `${list}:3: invalid range [127.0.0.1/33]: bits must be 0 to 32`;
    const text = `balance: reload failed, nothing has changed: ${reason}\n`;
    await until(() => balance.stderr.endsWith(text), { what: "the reason" });
    assertEquals(await served(balance.port, CLIENTS), ["127.0.0.1", "127.0.0.2"]);
    write("# nobody\n");
    balance.kill("SIGHUP");
    await until(() => balance.stderr.endsWith("balance: reloaded: deny changed\n"), {
      what: "a reload",
    });
    assertEquals(await served(balance.port, CLIENTS), CLIENTS);
    // What an operator has removed stays removed: the command line is as before.
    const rows = (await talk(balance.socket, "show\n")).trimEnd().split("\n");
    assertEquals(rows.length, 2, rows.join("\n"));
  });

  t("in the background, SIGHUP finds the file of a relative path", async () => {
    await using backend = named("B0");
    using dir = tempDir();
    const list = `${dir.path}/list`;
    Deno.writeTextFileSync(list, "127.0.0.2\n");
    await using balance = await startBackground(["--deny", "@list", "PORT", backend.address], {
      cwd: dir.path,
    });
    assertEquals(await served(balance.port, CLIENTS), ["127.0.0.1", "127.0.0.3"]);
    Deno.writeTextFileSync(list, "127.0.0.3\n");
    balance.kill("SIGHUP");
    const wanted = ["127.0.0.1", "127.0.0.2"];
    await until(async () => `${await served(balance.port, CLIENTS)}` === `${wanted}`, {
      what: "the new list",
    });
  });

  t(
    "each option with a file makes a reload possible; without one there is nothing to read",
    async () => {
      using dir = tempDir();
      const list = `${dir.path}/list`;
      Deno.writeTextFileSync(list, "127.0.0.2\n");
      for (const option of ["--allow", "--deny", "--accept-proxy"]) {
        await using balance = await startControlled(
          ["-f", option, "127.0.0.3,@list", "PORT", "127.0.0.1:9"],
          { ...START, cwd: dir.path },
        );
        assertEquals(await talk(balance.socket, "reload\n"), "reloaded: nothing has changed\n");
        await balance.stop();
      }
      await using balance = await startControlled(
        ["-f", "--deny", "127.0.0.2", "PORT", "127.0.0.1:9"],
        START,
      );
      assertMatch(await talk(balance.socket, "reload\n"), /there is no file: .* without --config/);
    },
  );

  t(
    "what an operator changed stays over a reload, unless that range is changed there",
    async () => {
      await using backend = named("B0");
      await using web = await startConfigured(["deny 127.0.0.2", backend.address]);
      await web.control("deny 127.0.0.3\naccess remove 127.0.0.2");
      assertEquals(await served(web.balance.port, CLIENTS), ["127.0.0.1", "127.0.0.2"]);
      await web.reload("deny 127.0.0.2", "deny 10.0.0.0/8", backend.address);
      assertEquals(await served(web.balance.port, CLIENTS), ["127.0.0.1", "127.0.0.2"]);
      await web.reload("deny 10.0.0.0/8", backend.address);
      await web.reload("deny 127.0.0.2", backend.address);
      assertEquals(await served(web.balance.port, CLIENTS), ["127.0.0.1"]);
    },
  );

  t("what an operator denied stays denied when a file has had it meanwhile", async () => {
    await using backend = named("B0");
    using dir = tempDir();
    const state = `${dir.path}/state`, lines = [`state ${state}`, backend.address];
    await using web = await startConfigured(lines);
    await web.control("deny 127.0.0.2");
    await web.reload("deny 127.0.0.2", ...lines);
    assertMatch(await web.control("save"), /^saved to /);
    assertStringIncludes(await Deno.readTextFile(state), '"127.0.0.2/32":"deny"');
    await web.reload(...lines);
    assertEquals(await served(web.balance.port, CLIENTS), ["127.0.0.1", "127.0.0.3"]);
    await web.control("access remove 127.0.0.2");
    assertEquals(await served(web.balance.port, CLIENTS), CLIENTS);
  });

  t("--state keeps what an operator changed over a restart, and forget drops it", async () => {
    await using backend = named("B0");
    using dir = tempDir();
    const state = `${dir.path}/state`;
    const argv = ["-f", "--state", state, "--deny", "127.0.0.2", "PORT", backend.address];
    const first = await startControlled(argv, START);
    await talk(first.socket, "deny 127.0.0.3\naccess remove 127.0.0.2\nallow 127.0.0.2\n");
    assertEquals(await served(first.port, CLIENTS), ["127.0.0.2"]);
    await first.stop();
    const second = await startControlled(argv, { ...START, port: first.port });
    assertEquals(await served(second.port, CLIENTS), ["127.0.0.2"]);
    assertMatch(await talk(second.socket, "access\n"), /^allow +1 range: 1 added\n/);
    assertMatch(await talk(second.socket, "forget\n"), /^forgot /);
    assertEquals(await served(second.port, CLIENTS), ["127.0.0.2"]);
    await second.stop();
    await using third = await startControlled(argv, { ...START, port: first.port });
    assertEquals(await served(third.port, CLIENTS), ["127.0.0.1", "127.0.0.3"]);
  });

  t("a successor denies whom its predecessor denied, also before the first client", async () => {
    await using backend = named("B0");
    const argv = ["-f", "PORT", backend.address];
    await using first = await startControlled(argv, START);
    await talk(first.socket, "deny 127.0.0.2\n");
    await using second = await startControlled(["--takeover", ...argv], {
      ...START,
      port: first.port,
      env: { BALANCE_RUNDIR: first.rundir },
      ownListener: false,
    });
    await until(() => first.ended.then(() => true), {
      timeoutMs: 20_000,
      what: "the predecessor to end",
    });
    assertEquals(await served(second.port, CLIENTS), ["127.0.0.1", "127.0.0.3"]);
    assert((await talk(second.socket, "access --json\n")).includes('"added":1'));
  });
}
