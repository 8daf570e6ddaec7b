import { codeOf, systemReason } from "../../base/errors.ts";
import { decodedText, printable } from "../../base/printable.ts";
import { isOwnShortage } from "../../engine/failures.ts";
import type { ProbeResult } from "../probe_result.ts";

/** The result of a probe, but for the time it took. */
export type Verdict = Omit<ProbeResult, "ms">;

/** Maximum length of the text of a result. */
const MAX_TEXT = 80;

/** The backend is up. */
export function passed(text: string): Verdict {
  return { ok: true, text: shortText(text) };
}

/** The backend is not up. */
export function failed(text: string): Verdict {
  return { ok: false, text: shortText(text) };
}

/** A text from outside in one printable line of at most 80 characters. */
export function shortText(text: string): string {
  const safe = printable(text.trim());
  return safe.length <= MAX_TEXT ? safe : `${safe.slice(0, MAX_TEXT - 3).toWellFormed()}...`;
}

/** Bytes from outside, quoted; see {@link shortText}. */
export function quoted(bytes: Uint8Array): string {
  // A character has at most four bytes, so none is cut in the part that is shown.
  return `"${printable(decodedText(bytes.subarray(0, 4 * MAX_TEXT)))}"`;
}

/**
 * The result after an error of the system, such as `connection refused`. A shortage of this process
 * does not concern the backend.
 */
export function failedWith(error: unknown): Verdict {
  const reason = REASONS[codeOf(error) ?? ""] ?? (systemReason(error) || "failed");
  const verdict = failed(reason.charAt(0).toLowerCase() + reason.slice(1));
  // EAGAIN: a program of an `exec` check cannot be started.
  const isShortage = isOwnShortage(error) || codeOf(error) === "EAGAIN";
  return isShortage ? { ...verdict, inconclusive: true } : verdict;
}

/** As strerror(3) has them: an error of `node:net` (`-B`) does not. */
const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  ECONNRESET: "connection reset by peer",
  EPIPE: "broken pipe",
  ETIMEDOUT: "connection timed out",
  EHOSTUNREACH: "no route to host",
  ENETUNREACH: "network is unreachable",
  EACCES: "permission denied",
  EADDRNOTAVAIL: "cannot assign requested address",
  EMFILE: "too many open files",
  ENFILE: "too many open files in system",
};
