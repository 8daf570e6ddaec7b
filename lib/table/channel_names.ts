import type { Table } from "./table.ts";

/**
 * The host of each channel as the operator wrote it. The table contains addresses only. The names
 * are kept in the main isolate, which alone creates, assigns, moves and removes channels.
 */
export class ChannelNames {
  readonly #table: Table;
  /** By the ID of the channel, so that they stay when it gets another number. */
  readonly #hosts = new Map<number, string>();

  constructor(table: Table) {
    this.#table = table;
  }

  /** The host as written; `undefined` if the channel does not exist. */
  get(group: number, channel: number): string | undefined {
    if (!this.#table.exists(group, channel)) return undefined;
    return this.#hosts.get(this.#table.id(group, channel));
  }

  /** Sets the host of a channel that was created or assigned. */
  set(group: number, channel: number, host: string): void {
    this.#hosts.set(this.#table.id(group, channel), host);
  }

  /** Forgets a channel that was removed. @param id See `Table.id`. */
  delete(id: number): void {
    this.#hosts.delete(id);
  }
}
