import type { Binder, Engine } from "../engine.ts";
import { dial } from "./deno_dial.ts";
import type { DenoLink } from "./deno_link.ts";
import { bind, listen } from "./deno_listener.ts";
import { canBindSource } from "./node_conn.ts";
import { readHeader } from "./header_reader.ts";
import { startReading } from "./read_ahead.ts";
import { startRelay } from "./stream_relay.ts";

/** Binds with `Deno.listen`. */
export const denoBinder: Binder = { bind, canDialFrom: canBindSource };

/** The engine over `Deno.listen` and `Deno.connect`. */
export const denoEngine: Engine = {
  listen,
  dial,
  // Only a timer makes the runtime look for new events each time: with `setImmediate`, a busy isolate
  // answered a new client after 590 ms.
  nextTurn: () => new Promise((resolve) => void setTimeout(resolve, 0)),
  readHeader(client, maxBytes, observer) {
    const link = client as DenoLink;
    readHeader(link.conn, { maxBytes, rest: (rest) => link.rest = rest }, observer);
  },
  readAhead(client, { gone }) {
    const link = client as DenoLink;
    const { rest } = link;
    link.rest = undefined;
    link.ahead = startReading(link.conn, gone, rest);
  },
  relay(client, backend, observer, prefix) {
    const from = client as DenoLink, to = backend as DenoLink;
    const ahead = from.ahead?.take() ?? from.rest;
    return startRelay({ client: from, backend: to, ahead, prefix }, observer);
  },
};
