/** Where messages for the operator go. */
export interface Messages {
  /** Prints a line that the operator should see. */
  readonly notice: (line: string) => void;
  /** Prints a line of `-d`; absent without it. */
  readonly debug?: ((line: string) => void) | undefined;
  /** Whether they go to standard error, which every isolate may write to by itself. */
  readonly isStderr: boolean;
}
