// `--regex` of `delete` and `kill`: acts on all containers whose ids match. AS CRUN: a failure with one is
// reported, and the others are still handled.

import { TsrunError } from "../errors.ts";
import { extendedRegExp } from "./extended-regexp.ts";
import type { Invocation, OptionTable } from "./options.ts";

/** Calls the function for every container under the root whose id matches. */
export function forEachMatch(
  { globals, actions }: Pick<Invocation<OptionTable>, "globals" | "actions">,
  expression: string,
  act: (id: string) => void,
): void {
  const matches = extendedRegExp(expression);
  for (const id of actions.listIds(globals.root)) {
    if (!matches.test(id)) continue;
    try {
      act(id);
    } catch (error) {
      if (!(error instanceof TsrunError) || error.code === "E_INTERNAL") throw error;
      globals.log.warning(`container "${id}": ${error.message}`);
    }
  }
}
