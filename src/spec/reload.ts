// A config.json that was checked before and has been kept as it was. Apart from load.ts, so that a command on
// an existing container does not load the check. Pure; called by the state store.

import { restoreExactNumbers, withAbsoluteDestinations, withoutEmptyWords } from "./normalise.ts";
import type { Spec } from "./types.ts";

/** Reads it as `loadConfig` has; nothing is checked again. */
export function reloadConfig(text: string): Spec {
  const spec = withoutEmptyWords(JSON.parse(text), text) as Spec;
  restoreExactNumbers(spec, text, "Spec");
  return withAbsoluteDestinations(spec);
}
