import { assertEquals } from "@std/assert";
import { complaints, noDissector, run } from "../../helpers/dump/capture_tools.ts";
import { readConversations } from "../../helpers/dump/pcapng_conversations.ts";
import { accepting } from "../../helpers/net/accepting.ts";
import { canReset, hasIpv6, named } from "../../helpers/net/backends.ts";
import { ask, connect, readText, readToEnd } from "../../helpers/net/client.ts";
import { startBalance } from "../../helpers/program/start_balance.ts";
import { skip, t, within, withTools } from "../../helpers/t.ts";
import { tempDir } from "../../helpers/temp_dir.ts";

const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

if (!hasIpv6) skip("an IPv6 dump", "no IPv6 on this machine");
else {
  withTools(
    ["tshark"],
    "a dump has the addresses of IPv6 clients and backends",
    async () => {
      using dir = tempDir();
      const file = `${dir.path}/six.pcapng`;
      await using server = named("six", { hostname: "::1" });
      let port: number;
      {
        await using balance = await startBalance([
          ...["-f", "-6", "--dump-file", file, "--dump-side", "both", "PORT", server.address],
        ]);
        port = balance.port;
        assertEquals(await ask(port, { hostname: "::1" }), "six");
        assertEquals(await ask(port, { hostname: "127.0.0.1" }), "six");
        await balance.stop();
      }
      const { stdout } = await run("tshark", [
        ...["-r", file, "-Y", "tcp.flags == 0x002", "-T", "fields", "-e", "frame.time_epoch"],
        ...["-e", "ipv6.dst", "-e", "ip.dst", "-e", "tcp.dstport"],
      ]);
      // By time: packets of different workers may be in any order.
      const packets = stdout.trimEnd().split("\n").sort().map((line) => line.replace(/^\S+\t/, ""));
      assertEquals(packets, [
        `::1\t\t${port}`,
        `::1\t\t${server.port}`,
        `\t127.0.0.1\t${port}`,
        `::1\t\t${server.port}`,
      ]);
      assertEquals(await complaints(file, noDissector(port, server.port)), []);
    },
  );
}

if (!canReset) skip("resets in a dump", "this version of Deno cannot reset a connection");
else {
  t("a reset is a reset in the dump, from the client or from the backend", async () => {
    using dir = tempDir();
    const file = `${dir.path}/reset.pcapng`;
    await using server = await accepting({ viaNode: true });
    await using balance = await startBalance(["-f", "--dump-file", file, "PORT", server.address]);
    for (const who of ["client", "server"]) {
      await using client = await connect(balance.port, { viaNode: true });
      const peer = await server.accept();
      await client.send(`from ${who}`);
      await readText(peer, 5 + who.length);
      if (who === "client") await client.reset();
      else peer.reset();
      const other = who === "client" ? peer : client;
      await within(readToEnd(other).catch(() => {}), { timeoutMs: 5000, what: "the other end" });
    }
    await balance.stop();
    assertEquals(
      readConversations(Deno.readFileSync(file)).map(({ sent, reset }) => [decode(sent), reset]),
      [["from client", "client"], ["from server", "server"]],
    );
  });
}
