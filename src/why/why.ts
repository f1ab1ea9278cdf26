// `why`: says what a container waits for or how it ended, or which of all containers hang. It changes
// nothing.
//
// Look: look.ts, processes.ts, commands.ts, kernel-log.ts. Decide: decide.ts, ended.ts.

import { readEndings } from "../container/endings.ts";
import type { GlobalOptions } from "../container/options.ts";
import { listIds } from "../container/store.ts";
import { TsrunError } from "../errors.ts";
import { CommandsAtWork } from "./commands.ts";
import { decide } from "./decide.ts";
import { type Around, lookAt, suspectsIn } from "./look.ts";
import type { Facts, Report } from "./model.ts";
import { stillAmong } from "./processes.ts";

export interface WhyRequest {
  /** A wait that has lasted longer than this counts as hanging, in milliseconds. */
  readonly afterMs: number;
}

/** About one container, which may be gone. */
export function whyContainer(globals: GlobalOptions, id: string, request: WhyRequest): Report {
  const facts = lookAt(globals, id, lookAround(globals));
  if (facts === undefined) {
    throw new TsrunError("E_NOT_FOUND", `nothing is known of a container "${id}"`, {
      hint: `it is not below "${globals.root}", and its end is not among those remembered there`,
    });
  }
  return judge([facts], request)[0] as Report;
}

export interface Stuck {
  /** How many containers were looked at. */
  readonly looked: number;
  /** Those that hang. */
  readonly reports: readonly Report[];
}

/** All containers below the root that hang or wait for somebody. */
export function whyStuck(globals: GlobalOptions, request: WhyRequest): Stuck {
  const around = lookAround(globals);
  const facts = listIds(globals.root).flatMap((id) => lookAt(globals, id, around) ?? []);
  const reports = judge(facts, request).filter(hangs);
  return { looked: facts.length, reports };
}

/** A stopped container hangs only if something still waits for it or cannot end. */
function hangs({ state, findings, wrong }: Report): boolean {
  if (state === "stopped") return findings.some(({ kind }) => STUCK_AT_END.has(kind));
  return wrong || state === "paused";
}

const STUCK_AT_END = new Set(["uninterruptible", "hook", "lock", "earlier boot"]);

function lookAround({ root }: GlobalOptions): Around {
  const endings = readEndings(root);
  return {
    commands: new CommandsAtWork(root),
    remembered: (id) => endings.findLast((ending) => ending.id === id),
  };
}

function judge(facts: readonly Facts[], { afterMs }: WhyRequest): Report[] {
  const still = stillAmong(facts.flatMap(suspectsIn));
  const judging = { now: Date.now(), afterMs, still };
  return facts.map((one) => decide(one, judging));
}
