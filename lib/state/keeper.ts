import { EXIT, ExitError, systemReason, withName } from "../base/errors.ts";
import { printable } from "../base/printable.ts";
import { changedSince, stillForgotten } from "./forgotten.ts";
import { checkOwner, listenerOf } from "./owner.ts";
import { NO_CHANGES, type OperatorState } from "./record.ts";
import { StateError } from "./state_control.ts";
import {
  checkWritable,
  isMissing,
  readStateFile,
  type StateOwner,
  UNUSABLE_SUFFIX,
  writeStateFile,
} from "./state_file.ts";

/** Milliseconds between a change and its writing, so that several are written together. */
const DELAY_MS = 100;
/** Milliseconds until a write that failed is tried again. */
const RETRY_MS = 5000;

/** What a keeper needs. */
export interface KeeperOptions {
  /** Absolute. */
  readonly path: string;
  /** The address that this balance listens on. */
  readonly at: { readonly address: string; readonly port: number };
  /** Reports a line without the program's name. */
  readonly report: (text: string) => void;
  /** Whether a balance still runs. */
  readonly isRunning: (owner: StateOwner) => Promise<boolean>;
}

type Forgotten = Pick<OperatorState, "forgotten" | "forgottenAdmission">;

/**
 * Keeps a state file up to date. The file names the balance that it belongs to; another one on the
 * same address that starts later takes it over, and this one no longer writes it then.
 */
export class StateKeeper {
  readonly #options: KeeperOptions;
  readonly #owner: StateOwner;
  /** As read at the start, also what does not fit: kept until the first change. */
  readonly saved: OperatorState;
  #isUnusable: boolean;
  #capture: (() => OperatorState) | undefined;
  #forgotten: OperatorState = NO_CHANGES;
  /** What the file has, as JSON. */
  #written = "";
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Writes, one after the other. */
  #writing: Promise<unknown> = Promise.resolve();
  #isFailing = false;
  #isLost = false;
  /** ID of the predecessor, as long as the file is still its own because writing failed. */
  #former: string | undefined;

  private constructor(options: KeeperOptions, saved: OperatorState, isUnusable: boolean) {
    const { at: { address, port } } = options;
    this.#options = options;
    this.#owner = { id: crypto.randomUUID(), pid: Deno.pid, address, port };
    this.saved = saved;
    this.#isUnusable = isUnusable;
  }

  /**
   * Reads a file. One that cannot be used is reported, and does not prevent the start.
   *
   * @throws {ExitError} If it can never be written (73), or belongs to another running balance (69).
   */
  static async open(options: KeeperOptions): Promise<StateKeeper> {
    const { path, at, report, isRunning } = options;
    try {
      checkWritable(path);
    } catch (error) {
      const reason = `can't write state file [${printable(path)}]: ${systemReason(error)}`;
      throw new ExitError(withName(reason), EXIT.canNotCreate, "state");
    }
    const { state, owner, fault } = readStateFile(path);
    await checkOwner(path, owner, { at, isRunning });
    if (fault !== undefined) {
      const kept = `the next change moves it to [${printable(path)}${UNUSABLE_SUFFIX}]`;
      const reason = printable(fault);
      report(`can't use state file [${printable(path)}]: ${reason}; nothing is restored, ${kept}`);
    }
    return new StateKeeper(options, state, fault !== undefined);
  }

  /** The path of the file. */
  get path(): string {
    return this.#options.path;
  }

  /** What stays in force, but is not saved. */
  get forgotten(): Forgotten {
    const { groups: forgotten, admission } = this.#forgotten;
    return { forgotten, ...admission && { forgottenAdmission: admission } };
  }

  set forgotten({ forgotten: groups = [], forgottenAdmission: admission }: Forgotten) {
    this.#forgotten = { ...NO_CHANGES, groups, ...admission && { admission } };
  }

  /**
   * Makes the file that of this balance, and writes changes from now on.
   *
   * @param capture Everything that operators have changed.
   * @param options `isCarried`: it came from a predecessor, so it is newer than the file. If the file
   * cannot be written then, that is reported, and tried again.
   * @throws {ExitError} If it cannot be written (73), unless it is carried.
   */
  async begin(
    capture: () => OperatorState,
    { isCarried = false }: { isCarried?: boolean } = {},
  ): Promise<void> {
    this.#capture = capture;
    const current = this.#current();
    this.#written = JSON.stringify(current);
    if (this.#isUnusable) return;
    try {
      await this.#write(isCarried ? current : this.saved);
    } catch (error) {
      if (!isCarried) {
        throw new ExitError(withName(this.#failure(error)), EXIT.canNotCreate, "state");
      }
      this.#former = readStateFile(this.path).owner?.id;
      this.#written = "";
      this.#failed(error);
    }
  }

  /** Notices that something may have changed. It is written soon. */
  look(): void {
    if (this.#capture === undefined || this.#timer !== undefined) return;
    this.#later(DELAY_MS);
  }

  #later(ms: number): void {
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.#update();
    }, ms);
    Deno.unrefTimer(this.#timer);
  }

  /**
   * Writes now, also if nothing has changed.
   *
   * @throws {StateError} With the reason, if it cannot.
   */
  save(): Promise<void> {
    return this.#next(async () => {
      if (this.#isTaken()) throw new StateError(this.#lostText());
      try {
        await this.#writeCurrent(this.#current());
      } catch (error) {
        throw new StateError(this.#failure(error));
      }
    });
  }

  /** Takes the file back from a successor on the same address that has died, and writes it. */
  reclaim(): Promise<void> {
    return this.#next(async () => {
      const { owner } = readStateFile(this.path);
      if (owner === undefined || !this.#isSuccessor(owner)) return;
      this.#isLost = false;
      try {
        await this.#writeCurrent(this.#current());
      } catch (error) {
        this.#report(this.#failure(error));
      }
    });
  }

  /**
   * Removes the file. What was changed so far stays in force, but is not saved again.
   *
   * @throws {StateError} With the reason, if it cannot.
   */
  forget(): Promise<void> {
    return this.#next(() => {
      if (this.#isTaken()) throw new StateError(this.#lostText());
      try {
        this.#moveUnusable();
        Deno.removeSync(this.path);
      } catch (error) {
        if (!isMissing(error)) {
          const reason = systemReason(error);
          throw new StateError(`can't remove state file [${printable(this.path)}]: ${reason}`);
        }
      }
      this.#forgotten = this.#capture?.() ?? NO_CHANGES;
      this.#written = JSON.stringify(NO_CHANGES);
    });
  }

  /** Writes the last changes, and stops. */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#update({ isLast: true });
    clearTimeout(this.#timer);
    this.#capture = undefined;
  }

  /** What is to be saved now. */
  #current(): OperatorState {
    const now = this.#capture?.() ?? NO_CHANGES;
    this.#forgotten = stillForgotten(this.#forgotten, now);
    return changedSince(this.#forgotten, now);
  }

  #update({ isLast = false } = {}): Promise<void> {
    return this.#next(async () => {
      if (this.#capture === undefined) return;
      const current = this.#current();
      if (JSON.stringify(current) === this.#written || this.#isTaken()) return;
      try {
        await this.#writeCurrent(current);
        if (this.#isFailing) this.#report(`state file [${printable(this.path)}] is written again`);
        this.#isFailing = false;
      } catch (error) {
        this.#failed(error, isLast);
      }
    });
  }

  /** Reports the first failure of several, and tries again later. */
  #failed(error: unknown, isLast = false): void {
    if (!this.#isFailing) this.#report(`${this.#failure(error)}; changes are not saved`);
    this.#isFailing = true;
    if (!isLast && this.#timer === undefined) this.#later(RETRY_MS);
  }

  /** Runs after all that runs already. */
  #next(run: () => void | Promise<void>): Promise<void> {
    const result = this.#writing.then(run);
    this.#writing = result.catch(() => {});
    return result;
  }

  async #writeCurrent(state: OperatorState): Promise<void> {
    this.#moveUnusable();
    await this.#write(state);
    this.#written = JSON.stringify(state);
  }

  async #write(state: OperatorState): Promise<void> {
    await writeStateFile(this.path, { state, owner: this.#owner });
    this.#former = undefined;
  }

  /** Keeps a file that could not be used: it may belong to another program. */
  #moveUnusable(): void {
    if (!this.#isUnusable) return;
    try {
      Deno.renameSync(this.path, `${this.path}${UNUSABLE_SUFFIX}`);
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
    this.#isUnusable = false;
  }

  /** Whether the file belongs to another balance by now. That is reported once, unless it is a successor. */
  #isTaken(): boolean {
    const { owner } = readStateFile(this.path);
    if (this.#isUnusable || owner === undefined) return false;
    if (owner.id === this.#owner.id || owner.id === this.#former) return false;
    if (!this.#isLost && !this.#isSuccessor(owner)) this.#report(this.#lostText(owner));
    this.#isLost = true;
    return true;
  }

  /** Whether it is another balance that listens on the same address. */
  #isSuccessor({ id, port, address }: StateOwner): boolean {
    const { at } = this.#options;
    return id !== this.#owner.id && port === at.port && address === at.address;
  }

  #lostText({ address, port, pid } = readStateFile(this.path).owner ?? this.#owner): string {
    const by = `process ${pid}, which listens on ${listenerOf({ address, port })}`;
    return `state file [${
      printable(this.path)
    }] belongs to ${by}: changes are no longer saved here`;
  }

  #failure(error: unknown): string {
    return `can't write state file [${printable(this.path)}]: ${systemReason(error)}`;
  }

  #report(text: string): void {
    this.#options.report(text);
  }
}
