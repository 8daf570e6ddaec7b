import { assert, assertEquals } from "@std/assert";
import {
  compactIp,
  endpointOf,
  ipText,
  portOf,
  socketAddress,
  SocketAddresses,
} from "../../../../../lib/engine/epoll/system/addresses.ts";
import { libC, noEpoll } from "../../../../helpers/engine/epoll.ts";
import { skip, t } from "../../../../helpers/t.ts";

if (noEpoll !== undefined) skip("addresses of sockets: all tests", noEpoll);
else {
  const c = libC();

  t("endpointOf() returns what socketAddress() was given", () => {
    for (
      const address of [
        "127.0.0.1",
        "0.0.0.0",
        "255.254.253.252",
        "128.0.0.0",
        "::",
        "::1",
        "2001:db8::5",
        "fe80::1%lo",
      ]
    ) {
      for (const port of [0, 1, 443, 65535]) {
        const name = socketAddress(c, { address, port });
        assert(name !== undefined, address);
        assertEquals(endpointOf(c, name), { address, port });
        assertEquals([ipText(compactIp(c, name)), portOf(name)], [address, port]);
      }
    }
  });

  t("IPv4-mapped addresses are sent to IPv6 sockets, and shown as IPv4", () => {
    const name = socketAddress(c, { address: "::ffff:10.1.2.3", port: 80 });
    assert(name !== undefined);
    assertEquals(name.length, 28);
    assertEquals(endpointOf(c, name), { address: "10.1.2.3", port: 80 });
  });

  t("scopes are numbers where the interface has no name", () => {
    const name = socketAddress(c, { address: "fe80::1%4000000", port: 80 });
    assert(name !== undefined);
    assertEquals(endpointOf(c, name).address, "fe80::1%4000000");
  });

  t("socketAddress() refuses what is no address, and unknown interfaces", () => {
    for (const address of ["localhost", "", "1.2.3.4.5", ":::", "fe80::1%no-such-interface"]) {
      assertEquals(socketAddress(c, { address, port: 80 }), undefined, address);
    }
  });

  t("SocketAddresses remembers addresses, but neither scopes nor too many", () => {
    const all = new SocketAddresses(c), to = { address: "10.0.0.1", port: 80 };
    const first = all.of(to);
    assert(first !== undefined && first === all.of({ ...to }));
    assert(all.of({ ...to, port: 81 }) !== first);
    const scoped = { address: "fe80::1%lo", port: 80 };
    assert(all.of(scoped) !== all.of(scoped));
    for (let port = 0; port < 5000; port++) all.of({ address: "10.0.0.2", port });
    assert(all.of(to) !== first);
    assertEquals(all.of(to), first);
  });
}
