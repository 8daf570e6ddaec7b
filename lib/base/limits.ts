/** Limits and defaults. Names contain the unit. */

/** Default of `--max-groups` (3.35: MAXGROUPS). */
export const DEFAULT_MAX_GROUPS = 16;

/** Default of `--max-channels`, per group (3.35: MAXCHANNELS). */
export const DEFAULT_MAX_CHANNELS = 16;

/** Maximum of `--max-groups` and `--max-channels`: keeps one worker's table below 300 MiB. */
export const MAX_TABLE_SIZE = 1024;

/** Default of `-t`: connect timeout in seconds. */
export const DEFAULT_CONNECT_TIMEOUT_S = 5;

/** Maximum block of the packet dump, and so the maximum read while it is on (3.35). */
export const DUMP_BLOCK_BYTES = 32768;

/** Listen backlog; the kernel limits it to net.core.somaxconn. */
export const BACKLOG = 4096;

/** Timeout for resolving a host name in milliseconds. */
export const RESOLVE_TIMEOUT_MS = 10_000;

/** Maximum of `--resolve` in seconds: a day. */
export const MAX_RESOLVE_S = 86_400;

/** Default and maximum (a day) of `--grace`: how long connections may take to end after SIGTERM. */
export const DEFAULT_GRACE_S = 30, MAX_GRACE_S = 86_400;

/** Maximum of `--workers`. */
export const MAX_WORKERS = 64;
