import { assertEquals } from "@std/assert";
import { randomBytes, sha256 } from "../../helpers/bytes.ts";
import { startBalance } from "../../helpers/program/start_balance.ts";
import { startNginx } from "../../helpers/servers/nginx.ts";
import { runProgram } from "../../helpers/program/start_program.ts";
import { skip, t, tool } from "../../helpers/t.ts";

const name = "curl gets files from two nginx through balance, in turn";
const nginx = tool("nginx");
const curl = tool("curl");

if (nginx === undefined || curl === undefined) {
  skip(name, `${nginx === undefined ? "nginx" : "curl"} is not installed`);
} else {
  t(name, async () => {
    await using first = await startNginx(nginx);
    await using second = await startNginx(nginx);
    const data = randomBytes(20_000_000, 1);
    for (const [index, server] of [first, second].entries()) {
      await Deno.writeFile(`${server.folder}/large`, data, { mode: 0o644 });
      await Deno.writeTextFile(`${server.folder}/name`, `N${index}\n`, { mode: 0o644 });
    }
    await using balance = await startBalance(["-f", "PORT", first.address, second.address]);
    const url = `http://127.0.0.1:${balance.port}`;
    const folder = first.folder;

    const names = await runProgram(curl, [
      ...["--silent", "--show-error", "--fail", "--max-time", "10", "-H", "Connection: close"],
      ...Array(4).fill(`${url}/name`),
    ]);
    assertEquals(names, { code: 0, stdout: "N0\nN1\nN0\nN1\n", stderr: "" });

    const large = await runProgram(curl, [
      ...["--silent", "--show-error", "--fail", "--max-time", "20"],
      ...["--output", `${folder}/copy`, `${url}/large`],
    ]);
    assertEquals(large, { code: 0, stdout: "", stderr: "" });
    assertEquals(sha256(await Deno.readFile(`${folder}/copy`)), sha256(data));

    // A range request, then one that fails, on the same connection.
    const range = await runProgram(curl, [
      ...["--silent", "--max-time", "10", "--range", "0-2", "--write-out", " %{http_code} "],
      ...[`${url}/name`, `${url}/none`, "--output", "/dev/null"],
    ]);
    assertEquals([range.code, range.stdout.includes("404")], [0, true]);
  });
}
