/** Ports of TCP services by name: from services(5), or from a built-in table. */

/** Common services, for systems without `/etc/services` (slim images). */
const BUILT_IN: Readonly<Record<string, number>> = {
  "ftp-data": 20,
  ftp: 21,
  ssh: 22,
  telnet: 23,
  smtp: 25,
  mail: 25,
  time: 37,
  whois: 43,
  tacacs: 49,
  domain: 53,
  gopher: 70,
  finger: 79,
  http: 80,
  www: 80,
  kerberos: 88,
  pop2: 109,
  pop3: 110,
  sunrpc: 111,
  auth: 113,
  nntp: 119,
  ntp: 123,
  imap2: 143,
  imap: 143,
  snmp: 161,
  bgp: 179,
  irc: 194,
  ldap: 389,
  https: 443,
  submissions: 465,
  smtps: 465,
  exec: 512,
  login: 513,
  shell: 514,
  syslog: 514,
  printer: 515,
  rtsp: 554,
  nntps: 563,
  submission: 587,
  ipp: 631,
  ldaps: 636,
  rsync: 873,
  ftps: 990,
  telnets: 992,
  imaps: 993,
  pop3s: 995,
  socks: 1080,
  openvpn: 1194,
  "ms-sql-s": 1433,
  mqtt: 1883,
  nfs: 2049,
  mysql: 3306,
  "ms-wbt-server": 3389,
  svn: 3690,
  sip: 5060,
  "xmpp-client": 5222,
  "xmpp-server": 5269,
  postgresql: 5432,
  amqp: 5672,
  amqps: 5671,
  redis: 6379,
  "http-alt": 8080,
  "mqtt-tls": 8883,
};

/** Looks up the port of a TCP service by name, case-sensitive; `undefined` if unknown. */
export type ServiceLookup = (name: string) => number | undefined;

/**
 * Creates a lookup from the text of services(5).
 *
 * @param text Contents of `/etc/services`; `undefined` uses the built-in table.
 * @returns Finds names and aliases of TCP services, as getservbyname(3) does.
 */
export function serviceLookup(text: string | undefined): ServiceLookup {
  if (text === undefined) {
    return (name) => Object.hasOwn(BUILT_IN, name) ? BUILT_IN[name] : undefined;
  }
  return (name) => {
    for (const line of text.split("\n")) {
      const [service, portAndProtocol, ...aliases] = line.replace(/#.*/, "").trim().split(/\s+/);
      if (service !== name && !aliases.includes(name)) continue;
      const port = /^(\d+)\/tcp$/.exec(portAndProtocol ?? "")?.[1];
      if (port !== undefined) return Number(port);
    }
    return undefined;
  };
}

/**
 * The lookup of this host. It reads `/etc/services` once, at the first use, and uses the built-in
 * table if the file cannot be read.
 *
 * @param read Reads the file; throws if it cannot be read.
 */
export function systemServices(
  read: () => string = () => Deno.readTextFileSync("/etc/services"),
): ServiceLookup {
  let found: ServiceLookup | undefined;
  return (name) => {
    if (found === undefined) {
      let text: string | undefined;
      try {
        text = read();
      } catch { /* the built-in table is used */ }
      found = serviceLookup(text);
    }
    return found(name);
  };
}
