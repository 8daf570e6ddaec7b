import { type Command, message } from "./command.ts";

export const RELOAD: Command = {
  name: "reload",
  args: [],
  newer: true,
  help: "read the configuration file again",
  run: async ({ reload }) => {
    const { text, failed = false } = await reload();
    return { ...message(text), failed };
  },
};
