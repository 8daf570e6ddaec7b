import type { ChannelChange } from "./record.ts";

/** Keeps what operators change, as control commands see it. */
export interface StateControl {
  /** An operator has changed a channel. */
  note(group: number, channel: number, change: ChannelChange): void;
  /** An operator has removed a channel. */
  removed(group: number, channel: number): void;
  /** A command may have changed something: with `--state`, it is written within a second. */
  look(): void;
  /**
   * Writes the file of `--state` now.
   *
   * @returns Its path.
   * @throws {StateError} If there is none, or if it cannot be written.
   */
  save(): Promise<string>;
  /**
   * Removes the file of `--state`. What was changed so far stays in force, but is not saved again.
   *
   * @returns Its path.
   * @throws {StateError} If there is none, or if it cannot be removed.
   */
  forget(): Promise<string>;
}

/** A state cannot be saved or forgotten. The message is a line without the program's name. */
export class StateError extends Error {
  override readonly name = "StateError";
}
