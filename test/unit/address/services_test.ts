import { assertEquals } from "@std/assert";
import { serviceLookup, systemServices } from "../../../lib/address/services.ts";
import { t } from "../../helpers/t.ts";

const PURE = { permissions: "none" } as const;

const FILE = `# a comment
tcpmux		1/tcp				# TCP port service multiplexer
domain		53/udp
domain		53/tcp
http		80/tcp		www web		# WorldWideWeb HTTP
syslog		514/udp
shell		514/tcp		cmd syslog	# no passwords used
onlyudp		99/udp
80		8080/tcp			# a name of digits
broken
odd		x/tcp
#hidden		7/tcp
  indented	77/tcp
last		65000/tcp`;

t("serviceLookup() finds TCP services by name and alias", () => {
  const lookup = serviceLookup(FILE);
  const found: [string, number | undefined][] = [
    ["tcpmux", 1],
    ["domain", 53],
    ["http", 80],
    ["www", 80],
    ["web", 80],
    ["syslog", 514],
    ["indented", 77],
    ["last", 65000],
    ["onlyudp", undefined],
    ["HTTP", undefined],
    ["broken", undefined],
    ["odd", undefined],
    ["hidden", undefined],
    ["#", undefined],
    ["WorldWideWeb", undefined],
    ["80/tcp", undefined],
    ["", undefined],
    ["constructor", undefined],
  ];
  for (const [name, port] of found) assertEquals(lookup(name), port, name);
}, PURE);

t("serviceLookup() uses its built-in table if there is no file", () => {
  const lookup = serviceLookup(undefined);
  assertEquals([lookup("smtp"), lookup("http"), lookup("https")], [25, 80, 443]);
  assertEquals([lookup("SMTP"), lookup("nosuch"), lookup("toString")], [
    undefined,
    undefined,
    undefined,
  ]);
}, PURE);

t("systemServices() reads the file once, at the first lookup", () => {
  let reads = 0;
  const lookup = systemServices(() => {
    reads++;
    return "one 1/tcp\n";
  });
  assertEquals(reads, 0);
  assertEquals([lookup("one"), lookup("two"), lookup("one")], [1, undefined, 1]);
  assertEquals(reads, 1);
}, PURE);

t("systemServices() uses the built-in table if the file cannot be read", () => {
  const lookup = systemServices(() => {
    throw new Deno.errors.NotFound("no file");
  });
  assertEquals(lookup("smtp"), 25);
}, PURE);

t("serviceLookup().names() has the names and aliases of TCP services", () => {
  assertEquals(serviceLookup("http 80/tcp www # web\nntp 123/udp\n").names?.(), ["http", "www"]);
  assertEquals(systemServices(() => "one 1/tcp uno\n").names?.(), ["one", "uno"]);
}, PURE);
