import { assertEquals, assertThrows } from "@std/assert";
import { type CheckSpec, parseCheckSpec } from "../../../lib/check/spec.ts";
import { SpecError } from "../../../lib/check/spec_error.ts";
import { t } from "../../helpers/t.ts";

/** A check without its text; bytes as text. */
function parsed(text: string): Record<string, unknown> {
  const { text: asWritten, ...kind } = parseCheckSpec(text);
  assertEquals(asWritten, text);
  return JSON.parse(JSON.stringify(kind, (_, value) => {
    return value instanceof Uint8Array ? new TextDecoder("latin1").decode(value) : value;
  }));
}

for (const kind of ["none", "tcp", "redis", "postgres", "mysql", "smtp"] as const) {
  t(`parseCheckSpec() accepts ${kind}, without an argument`, () => {
    assertEquals<CheckSpec>(parseCheckSpec(kind), { text: kind, kind });
    const error = assertThrows(() => parseCheckSpec(`${kind}:x`), SpecError);
    assertEquals(error.message, `invalid check [${kind}:x]: ${kind} takes no argument`);
  }, { permissions: "none" });
}

t("parseCheckSpec() splits the path and the statuses of http at the last =", () => {
  const cases: Record<string, [path: string, statuses: number[][]]> = {
    "http:/": ["/", [[200, 399]]],
    "http:/health": ["/health", [[200, 399]]],
    "http:/health=200": ["/health", [[200, 200]]],
    "http:/health=200-299,401": ["/health", [[200, 299], [401, 401]]],
    "http:/a=b": ["/a=b", [[200, 399]]],
    "http:/a=b=204": ["/a=b", [[204, 204]]],
    "http:/h?id=5": ["/h?id=5", [[200, 399]]],
    "http:/h?id=5=200,204": ["/h?id=5", [[200, 200], [204, 204]]],
    "http:/h:8080/x": ["/h:8080/x", [[200, 399]]],
    // Three digits count as a status even in a query; see the manual.
    "http:/h?id=500": ["/h?id", [[500, 500]]],
    "http:/h?id=500=200-399": ["/h?id=500", [[200, 399]]],
  };
  for (const [text, [path, statuses]] of Object.entries(cases)) {
    assertEquals(parsed(text), { kind: "http", path, statuses }, text);
  }
}, { permissions: "none" });

t("parseCheckSpec() splits what is sent and what is expected, with escapes", () => {
  const cases: Record<string, [send: string, expect?: string]> = {
    "expect:220": ["", "220"],
    "send:x": ["x"],
    "send:PING\\r\\n/expect:+PONG": ["PING\r\n", "+PONG"],
    "send:GET / HTTP/1.0\\r\\n\\r\\n/expect:200 OK": ["GET / HTTP/1.0\r\n\r\n", "200 OK"],
    "send:a\\/expect:b/expect:c": ["a/expect:b", "c"],
    "expect:a/expect:b": ["", "a/expect:b"],
    "send:\\\\/expect:\\x00\\xff\\t": ["\\", "\x00\xff\t"],
    "send:a,b=c": ["a,b=c"],
  };
  for (const [text, [send, expect]] of Object.entries(cases)) {
    const rest = expect === undefined ? {} : { expect };
    assertEquals(parsed(text), { kind: "dialogue", send, ...rest }, text);
  }
}, { permissions: "none" });

t("parseCheckSpec() splits the command of exec like a shell, and expands nothing", () => {
  const cases: Record<string, string[]> = {
    "exec:/bin/true": ["/bin/true"],
    "exec: a  b\tc ": ["a", "b", "c"],
    "exec:a 'b c' \"d e\" f\\ g h'i'\"j\"": ["a", "b c", "d e", "f g", "hij"],
    "exec:a $HOME ${HOME} $(id) '$X' \"$X\" \\$X": [],
    "exec:a $HOME ${HOME} '$X' \"$X\" \\$X $'x'": [
      ...["a", "$HOME", "${HOME}", "$X", "$X", "$X", "$x"],
    ],
    "exec:a * ?.c [x] ~ {a,b} !x": ["a", "*", "?.c", "[x]", "~", "{a,b}", "!x"],
    "exec:a '' \"\" x=1 --y=2": ["a", "", "", "x=1", "--y=2"],
    "exec:a '|' \"&\" \\; '#b' c#d": ["a", "|", "&", ";", "#b", "c#d"],
    'exec:a # b \\# "#"': ["a", "#", "b", "#", "#"],
    "exec:sh -c 'a | b'": ["sh", "-c", "a | b"],
  };
  for (const [text, argv] of Object.entries(cases)) {
    if (argv.length > 0) assertEquals(parsed(text), { kind: "exec", argv }, text);
    else assertThrows(() => parseCheckSpec(text), SpecError);
  }
}, { permissions: "none" });

t("parseCheckSpec() accepts the port of an agent", () => {
  assertEquals(parsed("agent:9999"), { kind: "agent", port: 9999 });
}, { permissions: "none" });

const LONG = "x".repeat(4097);

for (
  const [text, reason] of [
    [
      "",
      "unknown check; known are tcp, redis, postgres, mysql, smtp, http, send, expect, exec, " +
      "agent, none",
    ],
    ["htp:/x", "unknown check (did you mean http?)"],
    ["TCP", "unknown check (did you mean tcp?)"],
    ["tpc", "unknown check (did you mean tcp?)"],
    ["send:PING/exepct:PONG", "[/exepct:] is not /expect:; write \\/ for a slash that is sent"],
    ["http", "http needs a path, for example http:/health"],
    ["http:", "http needs a path, for example http:/health"],
    ["http:health", "the path must start with /"],
    ["http://web1/health", "write only the path, without a host"],
    ["http:/a b", "the path has a character that a URL cannot have; write it as %HH"],
    ["http:/a\r\nX: y", "the path has a character that a URL cannot have; write it as %HH"],
    ["http:/ä", "the path has a character that a URL cannot have; write it as %HH"],
    ["http:/x=", "[] is not a status from 100 to 599, or a range such as 200-299"],
    ["http:/x=20", "[20] is not a status from 100 to 599, or a range such as 200-299"],
    ["http:/x=200,", "[] is not a status from 100 to 599, or a range such as 200-299"],
    ["http:/x=299-200", "[299-200] is not a status from 100 to 599, or a range such as 200-299"],
    ["http:/x=600", "[600] is not a status from 100 to 599, or a range such as 200-299"],
    ["send:", "send needs a text, for example send:PING\\r\\n/expect:PONG"],
    ["expect:", "expect needs a text, for example expect:220"],
    ["send:/expect:x", "the text is missing"],
    ["send:x/expect:", "the text is missing"],
    ["send:a\\q", "unknown escape \\q; known are \\r \\n \\t \\\\ \\/ \\xHH"],
    ["send:a\\x4/expect:b", "\\x needs two hexadecimal digits"],
    ["expect:a\\", "a single backslash ends the text; write \\\\"],
    [`expect:${LONG}`, "the text is longer than 4096 bytes"],
    [`send:${LONG}`, "the text is longer than 4096 bytes"],
    ["exec:", "exec needs a command, for example exec:/usr/bin/pg_isready"],
    ["exec:  ", "the command is missing"],
    ["exec:'' a", "the command is missing"],
    ["exec:a | b", "no shell is used: quote |, or run sh -c '...'"],
    ["exec:a && b", "no shell is used: quote &&, or run sh -c '...'"],
    ["exec:a >/dev/null", "no shell is used: quote >, or run sh -c '...'"],
    ["exec:a 'b", "the quote ' is not closed"],
    ['exec:a "b\\"', 'the quote " is not closed'],
    ["exec:a b\\", "a single backslash ends the command"],
    ["exec:a\0b", "an argument cannot contain a NUL byte"],
    ["agent", "agent needs a port, for example agent:9999"],
    ["agent:0", "the port [0] is not a number from 1 to 65535"],
    ["agent:65536", "the port [65536] is not a number from 1 to 65535"],
    ["agent:http", "the port [http] is not a number from 1 to 65535"],
  ] as const
) {
  t(`parseCheckSpec() rejects ${JSON.stringify(text.slice(0, 40))}: ${reason}`, () => {
    const error = assertThrows(() => parseCheckSpec(text), SpecError);
    assertEquals(error.message, `invalid check [${text}]: ${reason}`);
  }, { permissions: "none" });
}
