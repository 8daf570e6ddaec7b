/** Where messages for the operator go. Nothing here waits until a message is written. */
export interface Messages {
  /** Prints a line that the operator should see. */
  readonly notice: (line: string) => void;
  /** As `notice`, for the user who started the program: in the background, its parent prints it. */
  readonly starting?: ((line: string) => void) | undefined;
  /** Prints a line of `-d`; absent without it. */
  readonly debug?: ((line: string) => void) | undefined;
  /** Prints a line for a person who watches; absent unless standard error is a terminal. */
  readonly hint?: ((line: string) => void) | undefined;
  /** Messages that were dropped so far. */
  readonly dropped: () => number;
}
