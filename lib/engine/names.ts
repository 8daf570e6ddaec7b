/** The engines by name: `streams` on Deno's sockets, `epoll` on the system calls of Linux. */
export const ENGINE_NAMES = ["streams", "epoll"] as const;

/** The name of an engine. */
export type EngineName = typeof ENGINE_NAMES[number];

/** The engine in use unless another one is requested. */
export const DEFAULT_ENGINE: EngineName = "streams";
