// The one error type of tsrun. Library code throws it; only src/main.ts prints it, once.

/**
 * Stable identifiers that callers may branch on. The sentence is for people, and for callers that match
 * texts.
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

/** What failed: from here `src/cause/` looks for the reason. */
export type Subject =
  /** A program that was looked for; `paths` are the files that it could have been. */
  | { readonly kind: "lookup"; readonly name: string; readonly paths: readonly string[] }
  /** A program that the kernel did not execute, by its name in `process.args`. */
  | { readonly kind: "execute"; readonly name: string }
  /** A directory that was to be entered. */
  | { readonly kind: "directory"; readonly path: string }
  /** A hook, by its program and its place in the configuration. */
  | { readonly kind: "hook"; readonly path: string; readonly pointer: string }
  /** A resource limit of the process. */
  | { readonly kind: "rlimit"; readonly name: string; readonly hard: bigint }
  /** A value for a file of the container's cgroup. */
  | { readonly kind: "cgroup"; readonly directory: string; readonly file: string; readonly value: string }
  /** A cgroup that was to be made. */
  | { readonly kind: "new cgroup"; readonly directory: string }
  /** A system call, and what it was for. */
  | { readonly kind: "call"; readonly call: string; readonly attempt: string };

export interface ErrorDetails {
  /** What the reader can do next, as a sentence of its own. */
  readonly hint?: string | undefined;
  readonly cause?: unknown;
  /** The errno name of the system call that failed, if there is one. */
  readonly errno?: string | undefined;
  readonly subject?: Subject | undefined;
  /** The message without the cause that `src/cause/` has put behind it. */
  readonly bare?: string | undefined;
}

export class TsrunError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly errno: string | undefined;
  readonly subject: Subject | undefined;
  readonly bare: string;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = "TsrunError";
    this.code = code;
    this.hint = details.hint;
    this.bare = details.bare ?? message;
    const before = details.cause instanceof TsrunError ? details.cause : undefined;
    this.errno = details.errno ?? before?.errno;
    this.subject = details.subject ?? before?.subject;
  }
}

/** Whether the engine has run out of memory or stack: an error that any line may raise. */
export function isOutOfMemory(error: unknown): boolean {
  const text = String(error);
  return text === "InternalError: out of memory" || text === "InternalError: stack overflow";
}

/**
 * Throws the error again if it is that one. Code that treats any failure as an answer calls this first, since
 * running out of memory is no answer to its question.
 */
export function throwIfOutOfMemory(error: unknown): void {
  if (isOutOfMemory(error)) throw error;
}

/** Puts the attempted action before an error: `cannot <verb> <object>: <cause>`. */
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
