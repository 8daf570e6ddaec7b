/** Commands about the limits per client. */

import {
  LIMIT_FAULT,
  parseLimit,
  parseRates,
  perClientText,
  RATES_FAULT,
  ratesText,
} from "../../admission/limit_texts.ts";
import { printable } from "../../base/printable.ts";
import { type Command, CommandError, message } from "./command.ts";

export const PER_CLIENT: Command = {
  name: "per-client",
  args: ["<n>"],
  newer: true,
  help: "how many connections a client may have; 0: no limit",
  changes: true,
  run: async ({ admission }, _session, [text = ""]) => {
    const perClient = parseLimit(text);
    if (perClient === undefined) {
      throw new CommandError(`invalid number [${printable(text)}]: ${LIMIT_FAULT}`);
    }
    await admission.limit({ perClient });
    return message(`connections of one client: ${perClientText(perClient)}`);
  },
};

export const ACCEPT_RATE: Command = {
  name: "accept-rate",
  args: ["<n[/client]>"],
  newer: true,
  help: "new connections per second, and of one client; 0: no limit",
  changes: true,
  run: async ({ admission }, _session, [text = ""]) => {
    const rates = parseRates(text);
    if (rates === undefined) {
      throw new CommandError(`invalid rate [${printable(text)}]: ${RATES_FAULT}`);
    }
    await admission.limit({ rates });
    return message(`new connections: ${ratesText(rates)}`);
  },
};
