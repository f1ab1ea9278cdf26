// Seccomp profiles compiled on the host's side: profile in, BPF program out. Called by the stories that start a
// process (create, run, exec); the proxy then installs the program inside the container with seccomp(2).

import { TsrunError } from "../errors.ts";
import { type Libseccomp, loadLibseccomp } from "../linux/libseccomp.ts";
import type { Seccomp } from "../spec/types.ts";
import { INSTRUCTION_SIZE } from "./bpf.ts";
import { isEmptyProfile, planFilter } from "./plan.ts";
import { buildProgram } from "./program.ts";
import { MAX_INSTRUCTIONS } from "./tables.ts";

export interface CompiledFilter {
  /** An array of `struct sock_filter`, eight bytes each. */
  readonly program: Uint8Array;
  /** SECCOMP_FILTER_FLAG_* for seccomp(2). */
  readonly flags: number;
  /** Whether seccomp(2) will return a descriptor that belongs to the agent at `listenerPath`. */
  readonly notify: boolean;
}

export interface CompileOptions {
  /** Absolute; the directory above it exists. Nothing is cached when absent. */
  readonly cacheDirectory: string | undefined;
  /** Told what is skipped, for the debug log. */
  readonly debug?: (message: string) => void;
}

/** The filter of a profile; `undefined` when the profile is empty, which means no filter. */
export function compileSeccomp(
  profile: Seccomp | undefined,
  { debug = () => {} }: CompileOptions,
): CompiledFilter | undefined {
  if (profile === undefined || isEmptyProfile(profile)) return undefined;
  const plan = planFilter(profile);
  const program = buildProgram(openLibrary(), plan, { debug });
  const length = program.length / INSTRUCTION_SIZE;
  if (length > MAX_INSTRUCTIONS) {
    const message = `cannot use the seccomp profile: it takes ${length} instructions, the kernel ${MAX_INSTRUCTIONS}`;
    throw new TsrunError("E_CONFIG", message);
  }
  return { program, flags: plan.flags, notify: plan.notify };
}

function openLibrary(): Libseccomp {
  try {
    return loadLibseccomp("libseccomp.so.2");
  } catch (cause) {
    throw new TsrunError(
      "E_UNSUPPORTED",
      "cannot compile the seccomp profile: libseccomp.so.2 is not there",
      {
        hint: "install the Debian package libseccomp2",
        cause,
      },
    );
  }
}
