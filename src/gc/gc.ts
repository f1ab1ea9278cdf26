// `gc`: finds what killed commands and earlier boots of the machine left below the state root and in the
// kernel, and removes it if asked to.

import { readEndings } from "../container/endings.ts";
import type { GlobalOptions } from "../container/options.ts";
import { listIds } from "../container/store.ts";
import { TsrunError } from "../errors.ts";
import { CommandsAtWork } from "../why/commands.ts";
import { findCgroups } from "./cgroups.ts";
import type { Garbage, GcReport, Removed } from "./model.ts";
import { findOrphans } from "./orphans.ts";
import { findStates } from "./states.ts";

export interface GcRequest {
  /** Whether to remove what is found. */
  readonly removes: boolean;
}

export function collectGarbage(globals: GlobalOptions, { removes }: GcRequest): GcReport {
  const { root } = globals;
  const commands = new CommandsAtWork(root);
  const states = findStates(globals, listIds(root), commands);
  const cgroups = findCgroups(readEndings(root), states.records);
  const found = [...states.garbage, ...findOrphans(root, commands, states.records), ...cgroups.garbage];
  const garbage = found.map((one) => (removes ? removed(one) : seen(one)));
  return { removes, garbage, kept: [...states.kept, ...cgroups.kept] };
}

function seen({ kind, what, why }: Garbage): Removed {
  return { kind, what, why };
}

/** A failure does not keep the rest from being removed. */
function removed(garbage: Garbage): Removed {
  const told = seen(garbage);
  try {
    return garbage.remove() ? told : { ...told, isKept: true };
  } catch (error) {
    if (!(error instanceof TsrunError)) throw error;
    return { ...told, failure: error.message };
  }
}
