import { assertEquals, assertMatch } from "@std/assert";
import { freePort } from "../../helpers/net/ports.ts";
import { listensOn } from "../../helpers/net/tcp_sockets.ts";
import { startBalance } from "../../helpers/program/start_balance.ts";
import { runProgram, startProgram } from "../../helpers/program/start_program.ts";
import { skip, t, tool } from "../../helpers/t.ts";
import { tempDir } from "../../helpers/temp_dir.ts";

const name = "redis-benchmark runs through balance, plain and pipelined";
const redis = tool("redis-server");
const benchmark = tool("redis-benchmark");

if (redis === undefined || benchmark === undefined) {
  skip(name, `${redis === undefined ? "redis-server" : "redis-benchmark"} is not installed`);
} else {
  t(name, async () => {
    const port = freePort();
    using dir = tempDir();
    await using _redis = await startProgram(redis, {
      args: [
        ...["--port", String(port), "--bind", "127.0.0.1", "--dir", dir.path],
        ...["--save", "", "--appendonly", "no", "--daemonize", "no"],
      ],
      ready: () => listensOn(port),
    });
    await using balance = await startBalance(["-f", "PORT", `127.0.0.1:${port}`]);
    const before = await balance.quietFds();
    for (const pipeline of ["1", "16"]) {
      const { code, stdout } = await runProgram(benchmark, [
        ...["-h", "127.0.0.1", "-p", String(balance.port), "-q", "--csv"],
        ...["-n", "3000", "-c", "50", "-d", "1000", "-P", pipeline, "-t", "set,get,lrange_100"],
      ]);
      assertEquals(code, 0, stdout);
      assertMatch(stdout, /"SET"[\s\S]*"GET"[\s\S]*"LRANGE_100/);
    }
    await balance.settledFds(before);
  });
}
