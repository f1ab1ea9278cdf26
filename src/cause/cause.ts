// The cause of a failure: words that say what refused, and what to do next. They follow the words of the
// error, which callers match, in the one line that Docker and Kubernetes show. Pure.

import { TsrunError } from "../errors.ts";

export interface Cause {
  /** What is wrong, as a clause: `"/opt" has mode 0700 and belongs to uid 0`. */
  readonly words: string;
  /** What to do about it, as a clause in the imperative. */
  readonly next?: string | undefined;
}

/** Longer names are cut: names in an image may be of any length. */
const LONGEST_NAME = 200;

/**
 * Returns the error with its cause, or the same error if none is found. A failure of `look` must not replace
 * the error.
 */
export function withCause(error: unknown, look: (error: TsrunError) => Cause | undefined): unknown {
  if (!(error instanceof TsrunError)) return error;
  let cause: Cause | undefined;
  try {
    cause = look(error);
  } catch {
    return error;
  }
  return cause === undefined ? error : told(error, cause);
}

/** The error with this cause. The cause's advice replaces the error's own, which is more general. */
export function told(error: TsrunError, { words, next }: Cause): TsrunError {
  return new TsrunError(error.code, `${error.message}: ${words}`, {
    errno: error.errno,
    cause: error,
    hint: next,
    bare: error.bare,
  });
}

/**
 * A name from an image or a configuration, in double quotes, with control characters and the like escaped.
 */
export function named(name: string): string {
  const short =
    name.length > LONGEST_NAME ? `${name.slice(0, LONGEST_NAME / 2)}…${name.slice(-LONGEST_NAME / 4)}` : name;
  return JSON.stringify(short).replaceAll(/[\x7f-\x9f\u2028\u2029]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}

/** Permission bits as people write them: `0755`. */
export function octal(mode: number): string {
  return `0${mode.toString(8).padStart(3, "0")}`;
}
