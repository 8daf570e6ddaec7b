/** What an agent-check asks for; a field that is absent stays as it is. */
export interface AgentReply {
  readonly health?: "up" | "down";
  readonly state?: "ready" | "drain" | "maint";
  /** Percent of the configured weight, 0 to 100. */
  readonly weightPercent?: number;
  /** Maximum connections of the channel; 0 for no limit. */
  readonly maxc?: number;
}

/** The result of one probe. */
export interface ProbeResult {
  readonly ok: boolean;
  /** What happened, printable, at most 80 characters, for example `HTTP 503`. */
  readonly text: string;
  /** How long it took, in milliseconds. */
  readonly ms: number;
  /** A shortage of this process, such as of descriptors, which does not concern the backend. */
  readonly inconclusive?: true;
  /** What the agent asks for; only of an agent-check that was answered. */
  readonly agent?: AgentReply;
}
