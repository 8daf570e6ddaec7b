import config from "../../deno.json" with { type: "json" };

/** The version of this program; `deno.json` is the only place where it is written. */
export const VERSION: string = config.version;

/** The program's name in messages, banner and syslog. */
export const NAME = "balance";
