// Compiles seccomp profiles to BPF programs, on the host. Called by the stories that start a process (create,
// run, exec); the proxy then installs the program inside the container with seccomp(2).

import { TsrunError } from "../errors.ts";
import { begin, end } from "../spans.ts";
import type { Seccomp } from "../spec/types.ts";
import { buildFilter } from "./build.ts";
import { cached } from "./cache.ts";
import type { CompiledFilter } from "./filter.ts";
import { kernelKnowsFlags } from "./kernel.ts";
import { validateListener } from "./notify.ts";
import { isEmptyProfile } from "./profile.ts";
import { SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV } from "./tables.ts";

export type { CompiledFilter };

export interface CompileOptions {
  /** Absolute; its parent directory exists. If absent, nothing is cached. */
  readonly cacheDirectory: string | undefined;
  /** A name that libseccomp does not know is an error. */
  readonly refusesUnknownCalls?: boolean;
  /** Receives messages about skipped names, for the debug log. */
  readonly debug?: ((message: string) => void) | undefined;
}

/** The filter of a profile; `undefined` if the profile is empty, which means no filter. */
export function compileSeccomp(
  profile: Seccomp | undefined,
  { cacheDirectory: directory, refusesUnknownCalls = false, debug = () => {} }: CompileOptions,
): CompiledFilter | undefined {
  if (profile === undefined || isEmptyProfile(profile)) return undefined;
  validateListener(profile);
  const compile = () => buildFilter(profile, { debug, refusesUnknownCalls });
  const since = begin();
  const filter = directory === undefined ? compile() : cached(profile, { directory, debug }, compile);
  end(since, "library", "libseccomp: make the filter, or find it");
  checkFlags(filter.flags);
  // AS RUNC, word for word: its tests look for this line.
  debug(`seccomp filter flags: ${filter.flags}`);
  return filter;
}

/**
 * Linux 5.10 lacks one of the flags that a profile may have; the error of seccomp(2) would not say which.
 */
function checkFlags(flags: number): void {
  if ((flags & SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV) === 0 || kernelKnowsFlags(flags)) return;
  throw new TsrunError(
    "E_UNSUPPORTED",
    "cannot use SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV: it needs Linux 5.19",
  );
}
