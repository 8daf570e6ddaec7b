/** A check or a channel attribute that cannot work. The message has no program name and no newline. */
export class SpecError extends Error {
  override readonly name = "SpecError";
}
