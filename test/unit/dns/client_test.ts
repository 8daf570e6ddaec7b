import { assert, assertEquals } from "@std/assert";
import { formatIp } from "../../../lib/address/ip.ts";
import { type DnsAnswer, openDnsClient } from "../../../lib/dns/client.ts";
import type { RecordType } from "../../../lib/dns/message.ts";
import {
  a,
  cname,
  type FakeDns,
  fakeDns,
  refusal,
  reply,
  srv,
  stalling,
  truncated,
} from "../../helpers/names/fake_dns.ts";
import { later, t, until } from "../../helpers/t.ts";

/** Asks a fake server, as a file like `/etc/resolv.conf` describes it. */
async function ask(
  { port }: FakeDns,
  { name = "web.test", type = "A", lines = [] }: {
    name?: string;
    type?: RecordType;
    lines?: string[];
  } = {},
): Promise<string> {
  const path = await Deno.makeTempFile({ prefix: "balance-test-" });
  try {
    const servers = lines.some((line) => line.startsWith("nameserver"))
      ? []
      : ["nameserver 127.0.0.1"];
    const all = ["options timeout:1 attempts:1", ...servers, ...lines];
    await Deno.writeTextFile(path, all.join("\n"));
    return textOf(await openDnsClient({ path, port }).ask(name, type));
  } finally {
    await Deno.remove(path);
  }
}

/** For example `10.0.0.1 10.0.0.2 ttl 60`. */
function textOf(answer: DnsAnswer): string {
  if (answer.kind === "failed") return answer.reason;
  const services = answer.services.map(({ priority, weight, port, target }) =>
    `${priority}/${weight}/${target}:${port}`
  );
  return [...answer.addresses.map(formatIp), ...services, "ttl", answer.ttlS].join(" ");
}

t("the DNS client returns addresses and services with the lowest time to live", async () => {
  await using server = fakeDns((question) =>
    reply(
      question,
      question.type === "SRV"
        ? [srv("_h._tcp.test", "1 2 80 a.Test.", 9), srv("_h._tcp.test", "0 0 81 b.test", 7)]
        : question.type === "AAAA"
        ? [a("web.test", "2001:db8::1", 0)]
        : [a("WEB.test", "10.0.0.2", 60), a("web.test", "10.0.0.1", 30)],
    )
  );
  assertEquals(await ask(server), "10.0.0.2 10.0.0.1 ttl 30");
  assertEquals(await ask(server, { type: "AAAA" }), "2001:db8::1 ttl 0");
  const services = await ask(server, { type: "SRV", name: "_h._tcp.test" });
  assertEquals(services, "1/2/a.test:80 0/0/b.test:81 ttl 7");
});

t("the DNS client drops SRV records whose target is not a host name", async () => {
  await using server = fakeDns((question) => {
    const targets = ["good.test", "two\nlines.test", "\x1b[2J.test", "a\tb.test"];
    return reply(question, targets.map((target) => srv("_h._tcp.test", `0 1 80 ${target}`, 9)));
  });
  const services = await ask(server, { type: "SRV", name: "_h._tcp.test" });
  assertEquals(services, "0/1/good.test:80 ttl 9");
});

t("the DNS client ignores datagrams that are no answer to its question", async () => {
  const liar = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  let client: Deno.Addr | undefined;
  await using server = fakeDns((question) => {
    const evil = [a("web.test", "10.6.6.6")];
    const other = [{ name: "other.test", type: "A", class: "IN" }];
    const response = reply(question, evil);
    const asQuestion = response.slice();
    asQuestion[2]! &= 0x7f;
    return [
      new Uint8Array(0),
      new Uint8Array(1),
      crypto.getRandomValues(new Uint8Array(200)),
      reply(question, evil, { id: question.packet.id ^ 1 }),
      reply(question, evil, { questions: other }),
      reply(question, evil, { questions: [] }),
      reply(question, evil, { questions: [...question.packet.questions, ...other] }),
      asQuestion,
      response.slice(0, -3),
      loop(question.packet.id),
      reply(question, [a("web.test", "10.0.0.1")]),
    ];
  });
  assertEquals(await ask(server), "10.0.0.1 ttl 60");
  // One from another port is ignored, too, even if everything in it is right.
  server.answer = (question) => {
    spoofed = reply(question, [a("web.test", "10.6.6.6")]);
    return undefined;
  };
  let spoofed: Uint8Array | undefined;
  const answer = later(ask(server));
  await until(() => spoofed);
  for (const { port } of await udpSockets()) {
    client = { transport: "udp", hostname: "127.0.0.1", port };
    await liar.send(spoofed!, client);
  }
  liar.close();
  assertEquals(await answer, "no answer");
});

/** All UDP sockets of this machine. */
async function udpSockets(): Promise<{ port: number }[]> {
  const lines = (await Deno.readTextFile("/proc/net/udp")).trim().split("\n").slice(1);
  return lines.map((line) => ({ port: parseInt(line.trim().split(/\s+/)[1]!.slice(-4), 16) }));
}

/** An answer whose name is compressed in a circle. */
function loop(id: number): Uint8Array {
  const header = [id >> 8, id & 255, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0];
  return new Uint8Array([...header, 0xc0, 12, 0, 1, 0, 1, 0xc0, 14, 0, 1, 0, 1]);
}

t("the DNS client asks over TCP for what does not fit into a datagram", async () => {
  const many = Array.from({ length: 2000 }, (_, i) => a("web.test", `10.0.${i >> 8}.${i & 255}`));
  await using server = fakeDns((question) =>
    question.transport === "udp" ? truncated(question) : reply(question, many)
  );
  assertEquals((await ask(server)).split(" ").length, 2002);
  assertEquals(server.questions, ["udp A web.test", "tcp A web.test"]);
  for (const wrong of [truncated, () => new Uint8Array(3), () => undefined]) {
    server.answer = (question) =>
      question.transport === "udp" ? truncated(question) : wrong(question);
    assertEquals(await ask(server), "no answer");
  }
  // One that never ends its answer does not hold the client longer than the limit.
  stalling(server);
  const start = performance.now();
  assertEquals(await ask(server), "no answer");
  assert(performance.now() - start < 5000);
});

t(
  "the DNS client asks the next server after silence or an error, as often as it should",
  async () => {
    await using first = fakeDns(() => undefined);
    await using second = fakeDns((question) => reply(question, [a("web.test", "10.0.0.2")]), {
      address: "127.0.0.2",
      port: first.port,
    });
    const lines = ["nameserver 127.0.0.1", "nameserver 127.0.0.2"];
    assertEquals(await ask(first, { lines }), "10.0.0.2 ttl 60");
    first.answer = (question) => refusal(question, 2);
    assertEquals(await ask(first, { lines }), "10.0.0.2 ttl 60");
    second.answer = (question) => refusal(question, 5);
    assertEquals(await ask(first, { lines }), "SERVFAIL");
    first.answer = second.answer = () => undefined;
    const before = second.questions.length;
    assertEquals(await ask(first, { lines: [...lines, "options attempts:2"] }), "no answer");
    assertEquals(second.questions.length - before, 2);
  },
);

t("the DNS client looks in the domains of search, and reports why there is nothing", async () => {
  await using server = fakeDns((question) =>
    question.name === "web.two.test"
      ? reply(question, [a(question.name, "10.0.0.1")])
      : question.name === "empty.two.test"
      ? reply(question, [])
      : refusal(question, 3)
  );
  const lines = ["search one.test two.test"];
  assertEquals(await ask(server, { name: "web", lines }), "10.0.0.1 ttl 60");
  assertEquals(server.questions, ["udp A web.one.test", "udp A web.two.test"]);
  assertEquals(await ask(server, { name: "nothing", lines }), "NXDOMAIN");
  assertEquals(await ask(server, { name: "empty", lines }), "no A records");
  server.answer = (question) => question.name === "x" ? refusal(question, 3) : refusal(question, 2);
  assertEquals(await ask(server, { name: "x", lines }), "SERVFAIL");
});

t("the DNS client follows aliases, but not in a circle", async () => {
  await using server = fakeDns((question) => reply(question, []));
  server.answer = (question) =>
    reply(question, [
      cname("web.test", "b.test", 5),
      cname("b.test", "c.test"),
      a("c.test", "10.0.0.1"),
    ]);
  assertEquals(await ask(server), "10.0.0.1 ttl 5");
  // An answer that ends with an alias is followed by another question.
  server.answer = (question) =>
    reply(
      question,
      question.name === "c.test" ? [a("c.test", "10.0.0.3", 9)] : [cname("web.test", "c.test", 8)],
    );
  assertEquals(await ask(server), "10.0.0.3 ttl 8");
  server.answer = (question) =>
    reply(question, [cname("web.test", "b.test"), cname("b.test", "web.test")]);
  assertEquals(await ask(server), "too many aliases");
  server.answer = (question) => reply(question, [cname(question.name, `x${question.name}`)]);
  assertEquals(await ask(server), "too many aliases");
});

t(
  "the DNS client takes no time to live that is negative, and no records of another type",
  async () => {
    await using server = fakeDns((question) =>
      reply(question, [a("web.test", "10.0.0.1", 2 ** 31)])
    );
    assertEquals(await ask(server), "10.0.0.1 ttl 0");
    server.answer = (question) =>
      reply(question, [a("web.test", "2001:db8::1"), a("b.test", "10.1.1.1")]);
    assertEquals(await ask(server), "no A records");
  },
);

t("the DNS client reads its file again when that has changed", async () => {
  await using first = fakeDns((question) => reply(question, [a("web.test", "10.0.0.1")]));
  await using _second = fakeDns((question) => reply(question, [a("web.test", "10.0.0.2")]), {
    address: "127.0.0.2",
    port: first.port,
  });
  const path = await Deno.makeTempFile({ prefix: "balance-test-" });
  await Deno.writeTextFile(path, "nameserver 127.0.0.1");
  const client = openDnsClient({ path, port: first.port });
  assertEquals(textOf(await client.ask("web.test", "A")), "10.0.0.1 ttl 60");
  await Deno.writeTextFile(path, "nameserver 127.0.0.2");
  await until(async () => textOf(await client.ask("web.test", "A")) === "10.0.0.2 ttl 60");
  await Deno.remove(path);
});
