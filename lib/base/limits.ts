/** Limits and defaults; the unit is part of each name. */

/** Groups that exist unless `--max-groups` says otherwise (3.35: MAXGROUPS). */
export const DEFAULT_MAX_GROUPS = 16;

/** Channels per group unless `--max-channels` says otherwise (3.35: MAXCHANNELS). */
export const DEFAULT_MAX_CHANNELS = 16;

/** The most that `--max-groups` and `--max-channels` accept: keeps the table of one worker below 96 MiB. */
export const MAX_TABLE_SIZE = 1024;

/** Seconds that one attempt to connect may take without `-t`. */
export const DEFAULT_CONNECT_TIMEOUT_S = 5;

/** Largest block of the packet dump, and so the largest read while it is on (3.35). */
export const DUMP_BLOCK_BYTES = 32768;

/** Connections that may wait to be accepted; the kernel caps it at net.core.somaxconn. */
export const BACKLOG = 4096;

/** Milliseconds that the name of a host may take to resolve before that is an error. */
export const RESOLVE_TIMEOUT_MS = 10_000;

/** Seconds that open connections may take to end after SIGTERM, without `--grace`. */
export const DEFAULT_GRACE_S = 30;

/** The most that `--grace` accepts: a day. */
export const MAX_GRACE_S = 86_400;

/** The most that `--workers` accepts. */
export const MAX_WORKERS = 64;
