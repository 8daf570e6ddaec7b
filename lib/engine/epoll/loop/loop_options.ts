/** How a loop runs; see `EngineOptions`. */
export interface LoopOptions {
  readonly wakeup?: number | undefined;
  readonly receive?: (() => void) | undefined;
  /** Called before and after each wait. */
  readonly waiting?: ((value: boolean) => void) | undefined;
  readonly isShared?: boolean | undefined;
  readonly bug: (error: unknown) => void;
}
