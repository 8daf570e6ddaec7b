/**
 * A configuration file that is edited at random, and what a start makes of it.
 *
 * @module
 */
import { SCHEDULE_NAMES, type ScheduleName } from "../../../lib/table/states.ts";

/** A channel of the file. */
export interface FileChannel {
  /** Number of its backend. */
  backend: number;
  maxc: number;
  weight: number;
}

/** A group of the file. */
export interface FileGroup {
  schedule: ScheduleName;
  channels: FileChannel[];
}

/** Most channels of a group. */
const MAX_CHANNELS = 16;
const MAX_GROUPS = 4;

/** A configuration file. */
export class EditedFile {
  groups: FileGroup[] = [];
  readonly #random: () => number;
  readonly #backends: number;

  /** @param options Number of channels and backends; `random` returns numbers from 0 to 1. */
  constructor(options: { channels: number; backends: number; random: () => number }) {
    this.#random = options.random;
    this.#backends = options.backends;
    this.groups = [this.#newGroup(), this.#newGroup(), this.#newGroup()];
    for (let n = 0; n < options.channels; n++) this.#add(this.groups[n % 3]!);
  }

  /** The text, for backends at these addresses. */
  text(addresses: readonly string[]): string {
    const schedules = this.groups.map(({ schedule }, group) => `schedule ${group}=${schedule}`);
    const groups = this.groups.map(({ channels }) =>
      channels.map(({ backend, maxc, weight }) => `${addresses[backend]}:${maxc},weight=${weight}`)
        .join("\n")
    );
    return `${schedules.join("\n")}\n${groups.join("\n!\n")}\n`;
  }

  /** What identifies each channel: its group and its backend. */
  keys(): string[] {
    return this.groups.flatMap(({ channels }, group) =>
      channels.map(({ backend }) => `${group} ${backend}`)
    );
  }

  /** Changes it at one to four places. */
  edit(): void {
    for (let left = 1 + this.#below(4); left > 0; left--) this.#editOnce();
  }

  #editOnce(): void {
    const group = this.#one(this.groups), channel = this.#one(group.channels);
    const at = group.channels.indexOf(channel);
    switch (this.#below(8)) {
      case 0:
        return this.#add(group);
      case 1:
        if (group.channels.length > 1) group.channels.splice(at, 1);
        return;
      case 2:
        group.channels.sort(() => this.#random() - 0.5);
        return;
      case 3: {
        const to = this.#one(this.groups);
        const has = to.channels.some(({ backend }) => backend === channel.backend);
        if (has || group.channels.length < 2 || to.channels.length >= MAX_CHANNELS) return;
        group.channels.splice(at, 1);
        to.channels.splice(this.#below(to.channels.length + 1), 0, channel);
        return;
      }
      case 4:
        channel.weight = 1 + this.#below(5);
        return;
      case 5:
        channel.maxc = 4 + this.#below(6);
        return;
      case 6:
        group.schedule = this.#one(SCHEDULE_NAMES.filter((name) => name !== "hash"));
        return;
      case 7:
        if (this.groups.length === MAX_GROUPS) this.groups.pop();
        else {
          const added = this.#newGroup();
          this.#add(added);
          this.groups.push(added);
        }
    }
  }

  #newGroup(): FileGroup {
    return { schedule: this.#one(["rr", "least", "consistent"] as const), channels: [] };
  }

  #add({ channels }: FileGroup): void {
    if (channels.length >= MAX_CHANNELS) return;
    const backend = this.#below(this.#backends);
    if (channels.some((one) => one.backend === backend)) return;
    const channel = { backend, maxc: 4 + this.#below(6), weight: 1 + this.#below(3) };
    channels.splice(this.#below(channels.length + 1), 0, channel);
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }

  #one<T>(of: readonly T[]): T {
    return of[this.#below(of.length)]!;
  }
}
