// Plans a profile that is not in the cache, and has libseccomp compile it. Called by compile.ts.

import { TsrunError } from "../errors.ts";
import type { Seccomp } from "../spec/types.ts";
import { INSTRUCTION_SIZE } from "./bpf.ts";
import type { CompiledFilter } from "./filter.ts";
import { planFilter } from "./plan.ts";
import { type BuildOptions, buildProgram } from "./program.ts";
import { MAX_INSTRUCTIONS } from "./tables.ts";

/** Throws for what no filter can be. */
export function buildFilter(profile: Seccomp, options: BuildOptions): CompiledFilter {
  const plan = planFilter(profile);
  const program = buildProgram(plan, options);
  const length = program.length / INSTRUCTION_SIZE;
  if (length > MAX_INSTRUCTIONS) {
    const limit = `it takes ${length} instructions, and the kernel allows ${MAX_INSTRUCTIONS}`;
    throw new TsrunError("E_CONFIG", `cannot use the seccomp profile: ${limit}`);
  }
  return { program, flags: plan.flags, notify: plan.notify };
}
