// The operation that installs a filter. Pure. Called by src/container/filter.ts.

import { viewOf } from "../linux/call/words.ts";
import { data, shown } from "../proxy/calls/arguments.ts";
import { type Operation, operation } from "../proxy/calls/operation.ts";
import { INSTRUCTION_SIZE } from "./bpf.ts";
import type { CompiledFilter } from "./filter.ts";
import { SECCOMP_SET_MODE_FILTER } from "./tables.ts";

/** Installs a filter with seccomp(2): from here on the profile decides. */
export function installFilter({ program, flags }: CompiledFilter): Operation {
  const length = program.length / INSTRUCTION_SIZE;
  const fprog = new Uint8Array(16);
  viewOf(fprog).setUint16(0, length, true);
  const struct = data(fprog, () => `{len=${length}}`, [{ offset: 8, to: data(program, () => "") }]);
  const mode = shown(SECCOMP_SET_MODE_FILTER, "SECCOMP_SET_MODE_FILTER");
  return operation("seccomp", [mode, flags, struct], "install the seccomp profile");
}
