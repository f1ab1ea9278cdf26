// The short form of `make race`: a few creates against each place, while its paths are exchanged.

import { mendedIn } from "../support/attack.ts";
import { behaviour, tsrunOnly } from "../support/behaviour.ts";
import { needsBun } from "../support/bun.ts";
import { PLACES } from "./race/places.ts";
import { race } from "./race/race.ts";

const CREATES = 8;

/** The place where runc 1.3.6 loses the race; see docs/security.md. */
const LOSES = "tmpcopyup";

for (const place of PLACES) {
  behaviour(
    `nothing gets out or is left when the paths of a ${place.name} are exchanged during create`,
    async (t, lab) => {
      const { creates, exchanges, escapes, leftovers } = await race(lab, place, CREATES);
      t.equal(creates, CREATES);
      t.ok(exchanges > CREATES, `${exchanges} exchanges`);
      t.strictSame(escapes, []);
      t.strictSame(leftovers, []);
    },
    place.impossible?.(),
    mendedIn("1.2.8"),
    needsBun,
    place.name === LOSES ? tsrunOnly("it copies files that lie outside the root") : undefined,
  );
}
