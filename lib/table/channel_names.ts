/**
 * The host of each channel as the operator wrote it. The table contains addresses only. The names
 * are kept in the main isolate, which alone creates, assigns and removes channels.
 */
export class ChannelNames {
  readonly #hosts = new Map<string, string>();

  /** The host as written; `undefined` if the channel does not exist. */
  get(group: number, channel: number): string | undefined {
    return this.#hosts.get(`${group}.${channel}`);
  }

  /** Sets the host of a channel that was created or assigned. */
  set(group: number, channel: number, host: string): void {
    this.#hosts.set(`${group}.${channel}`, host);
  }

  /** Forgets a channel that was removed. */
  delete(group: number, channel: number): void {
    this.#hosts.delete(`${group}.${channel}`);
  }
}
