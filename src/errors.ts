// The one error type of tsrun. Library code throws it; only src/main.ts prints it, once.

/**
 * Stable identifiers that callers may branch on; the sentence is for people and for the callers that match
 * text.
 */
export type ErrorCode =
  | "E_USAGE"
  | "E_BAD_ID"
  | "E_NOT_FOUND"
  | "E_EXISTS"
  | "E_STATE"
  | "E_CONFIG"
  | "E_BUNDLE"
  | "E_SYSCALL"
  | "E_EXEC"
  | "E_CGROUP"
  | "E_UNSUPPORTED"
  | "E_NOMEM"
  | "E_INTERNAL";

export interface ErrorDetails {
  /** What the reader can do next, as a sentence of its own. */
  readonly hint?: string | undefined;
  readonly cause?: unknown;
  /** The errno name of the system call at the bottom, where there is one. */
  readonly errno?: string | undefined;
}

export class TsrunError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly errno: string | undefined;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = "TsrunError";
    this.code = code;
    this.hint = details.hint;
    this.errno = details.errno ?? (details.cause instanceof TsrunError ? details.cause.errno : undefined);
  }
}

/** Whether the engine has no memory or no stack left: an error of its own that may come out of any line. */
export function isOutOfMemory(error: unknown): boolean {
  const text = String(error);
  return text === "InternalError: out of memory" || text === "InternalError: stack overflow";
}

/**
 * Throws that error on, and no other: whoever takes any failure for an answer calls this first, since the end
 * of memory says nothing of what was asked.
 */
export function throwIfOutOfMemory(error: unknown): void {
  if (isOutOfMemory(error)) throw error;
}

/** Puts what was being attempted in front of an error: `cannot <verb> <object>: <cause>`. */
export function wrapError(attempt: string, cause: unknown): TsrunError {
  const message = cause instanceof Error ? cause.message : String(cause);
  const foreign = isOutOfMemory(cause) ? "E_NOMEM" : "E_INTERNAL";
  const code = cause instanceof TsrunError ? cause.code : foreign;
  const hint = cause instanceof TsrunError ? cause.hint : undefined;
  return new TsrunError(code, `${attempt}: ${message}`, { cause, hint });
}

/** Ends a switch over a union: a new member without a case is then a compile error. */
export function assertNever(value: never): never {
  throw new TsrunError("E_INTERNAL", `unexpected value ${JSON.stringify(value)}`);
}
