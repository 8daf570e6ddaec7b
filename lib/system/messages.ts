/** Where the program says what it has to say. */
export interface Voice {
  /** Says a line that an administrator should see. */
  readonly notice: (line: string) => void;
  /** Says a line of `-d`; absent without it. */
  readonly debug?: ((line: string) => void) | undefined;
  /** Whether that is standard error, where every isolate may say its lines itself. */
  readonly isStderr: boolean;
}
