/** Commands about balance as a whole: `save`, `forget`, `health`, `instances`, `reload`. */

import { counted } from "../../base/integers.ts";
import { StateError } from "../../state/state_control.ts";
import { channelCounts } from "../../table/counts.ts";
import { type Command, CommandError, message } from "./command.ts";

export const SAVE: Command = {
  name: "save",
  args: [],
  newer: true,
  help: "write what was changed to the state file now",
  run: async ({ state }) => message(`saved to [${await orReason(state.save())}]`),
};

export const FORGET: Command = {
  name: "forget",
  args: [],
  newer: true,
  help: "remove the state file; what was changed stays until the end",
  changes: true,
  run: async ({ state }) => {
    const path = await orReason(state.forget());
    return message(`forgot [${path}]: the changes so far stay in force, but not after a restart`);
  },
};

export const HEALTH: Command = {
  name: "health",
  args: [],
  newer: true,
  help: "whether a channel is available; -c exits with 1 if not",
  run: ({ table, lifecycle }) => {
    if (lifecycle.stopping) return { ...message("unhealthy: shutting down"), failed: true };
    const { available, channels } = channelCounts(table);
    const text = `${available} of ${counted(channels, "channel")} available`;
    return available > 0
      ? message(`healthy: ${text}`)
      : { ...message(`unhealthy: ${text}`), failed: true };
  },
};

export const INSTANCES: Command = {
  name: "instances",
  args: [],
  newer: true,
  help: "list the balances on this port, old ones included",
  run: async ({ instances }) => ({ text: await instances() }),
};

export const RELOAD: Command = {
  name: "reload",
  args: [],
  newer: true,
  help: "read configuration and list files again",
  run: async ({ reload }) => {
    const { text, failed = false } = await reload();
    return { ...message(text), failed };
  },
};

/** Turns the reason why a state cannot be kept into that of the command. */
async function orReason<T>(result: Promise<T>): Promise<T> {
  try {
    return await result;
  } catch (error) {
    throw error instanceof StateError ? new CommandError(error.message) : error;
  }
}
