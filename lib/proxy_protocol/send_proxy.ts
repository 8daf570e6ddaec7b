/** What `--send-proxy` and the attribute `send-proxy` take: a version, with `id` the TLV UNIQUE_ID. */
export const SEND_PROXY_NAMES = ["none", "v1", "v2", "v2,id"] as const;

/** One of {@link SEND_PROXY_NAMES}. */
export type SendProxy = typeof SEND_PROXY_NAMES[number];

/** Why another text is invalid. */
export const SEND_PROXY_FAULT = "want v1, v2, v2,id or none";

/** Parses one of {@link SEND_PROXY_NAMES}. @returns `undefined` if it is unknown. */
export function parseSendProxy(text: string): SendProxy | undefined {
  return SEND_PROXY_NAMES.find((name) => name === text);
}

/** A header that is sent. */
export type HeaderForm = Exclude<SendProxy, "none">;
