/** Ports of TCP services by name: from services(5), or from a built-in table. */

/** Common services in the format of services(5), for systems without the file (slim images). */
const BUILT_IN = `
  ftp-data 20/tcp; ftp 21/tcp; ssh 22/tcp; telnet 23/tcp; smtp 25/tcp mail; time 37/tcp;
  whois 43/tcp; tacacs 49/tcp; domain 53/tcp; gopher 70/tcp; finger 79/tcp; http 80/tcp www;
  kerberos 88/tcp; pop2 109/tcp; pop3 110/tcp; sunrpc 111/tcp; auth 113/tcp; nntp 119/tcp;
  ntp 123/tcp; imap2 143/tcp imap; snmp 161/tcp; bgp 179/tcp; irc 194/tcp; ldap 389/tcp;
  https 443/tcp; submissions 465/tcp smtps; exec 512/tcp; login 513/tcp; shell 514/tcp syslog;
  printer 515/tcp; rtsp 554/tcp; nntps 563/tcp; submission 587/tcp; ipp 631/tcp; ldaps 636/tcp;
  rsync 873/tcp; ftps 990/tcp; telnets 992/tcp; imaps 993/tcp; pop3s 995/tcp; socks 1080/tcp;
  openvpn 1194/tcp; ms-sql-s 1433/tcp; mqtt 1883/tcp; nfs 2049/tcp; mysql 3306/tcp;
  ms-wbt-server 3389/tcp; svn 3690/tcp; sip 5060/tcp; xmpp-client 5222/tcp; xmpp-server 5269/tcp;
  postgresql 5432/tcp; amqps 5671/tcp; amqp 5672/tcp; redis 6379/tcp; http-alt 8080/tcp;
  mqtt-tls 8883/tcp
`.replaceAll(";", "\n");

/** Looks up the port of a TCP service by name, case-sensitive; `undefined` if unknown. */
export interface ServiceLookup {
  (name: string): number | undefined;
  /** All names and aliases, for suggestions. */
  readonly names?: () => readonly string[];
}

/**
 * Creates a lookup that finds names and aliases of TCP services, as getservbyname(3) does.
 *
 * @param text Contents of `/etc/services`. @default the built-in table
 */
export function serviceLookup(text = BUILT_IN): ServiceLookup {
  let ports: Map<string, number> | undefined;
  const lookup = (name: string): number | undefined => (ports ??= portsOf(text)).get(name);
  return Object.assign(lookup, {
    names: () => [...tcpServices(text)].flatMap(({ names }) => names),
  });
}

/** The ports by name, made once: every channel of a large configuration asks for one. */
function portsOf(text: string): Map<string, number> {
  const ports = new Map<string, number>();
  for (const { names, port } of tcpServices(text)) {
    for (const name of names) if (!ports.has(name)) ports.set(name, port);
  }
  return ports;
}

/** The lines about TCP services; a name may occur in several, of which the first counts. */
function* tcpServices(text: string): Generator<{ names: string[]; port: number }> {
  for (const line of text.split("\n")) {
    const [service = "", portAndProtocol, ...aliases] = line.replace(/#.*/, "").trim().split(/\s+/);
    const port = /^(\d+)\/tcp$/.exec(portAndProtocol ?? "")?.[1];
    if (port !== undefined) yield { names: [service, ...aliases], port: Number(port) };
  }
}

/**
 * The lookup of this host. It reads `/etc/services` once, at the first lookup, and uses the
 * built-in table if the file cannot be read.
 */
export function systemServices(
  read: () => string = () => Deno.readTextFileSync("/etc/services"),
): ServiceLookup {
  let loaded: ServiceLookup | undefined;
  const load = (): ServiceLookup => {
    try {
      loaded ??= serviceLookup(read());
    } catch {
      loaded = serviceLookup();
    }
    return loaded;
  };
  return Object.assign((name: string) => load()(name), { names: () => load().names?.() ?? [] });
}
