// What config.json may ask for and tsrun cannot do yet. Refused in so many words: nothing of a configuration
// is passed over. Pure; called by plan.ts.

import { TsrunError } from "../errors.ts";
import type { Spec } from "../spec/types.ts";

/** Throws for the first thing that is not built in. */
export function refuseUnsupported({ linux }: Spec): void {
  if (linux?.intelRdt !== undefined) throw missing("/linux/intelRdt", "cache and memory bandwidth classes");
}

function missing(pointer: string, what: string): TsrunError {
  return new TsrunError("E_UNSUPPORTED", `cannot use ${pointer}: ${what} are not built in yet`, {
    hint: "remove it from config.json",
  });
}
