// The short form of `make siege`: a few commands on containers that attack them.

import { behaviour, tsrunOnly } from "../support/behaviour.ts";
import { ATTACKERS, KINDS } from "./siege/attackers.ts";
import { siege } from "./siege/siege.ts";

const TRIES = 8;

/** See docs/security.md. */
const HANGS = "traces";

for (const attacker of ATTACKERS) {
  for (const { name, edit } of KINDS) {
    behaviour(
      `commands on a container that ${attacker.name} end, and it can be deleted (${name})`,
      async (t, lab) => {
        const { hangs, undeletable, leftovers } = await siege(lab, attacker, { edit, tries: TRIES });
        t.strictSame(hangs, []);
        t.strictSame(undeletable, []);
        t.strictSame(leftovers, []);
      },
      attacker.impossible?.(),
      attacker.name === HANGS ? tsrunOnly("it waits for what a tracer keeps from it") : undefined,
    );
  }
}
