// The changes to the engine's source: each fits one place, or there is no engine.

import t from "tap";
import { withChanges } from "../../../scripts/engine/changes.ts";
import { END_OF_MEMORY } from "../../../scripts/engine/end-of-memory.ts";
import { FIXES } from "../../../scripts/engine/fixes.ts";
import { SPEED } from "../../../scripts/engine/speed.ts";
import { TEXT_SPEED } from "../../../scripts/engine/speed-text.ts";
import { STRICT_JSON } from "../../../scripts/engine/strict-json.ts";

t.test("a change takes the place of what it was made for", async (t) => {
  t.equal(withChanges("a b c", [{ find: "b", replace: "b d" }]), "a b d c");
});

t.test("a source that has it not, or twice, is refused", async (t) => {
  const changes = [{ find: "b", replace: "d" }];
  t.throws(() => withChanges("a c", changes), /0 places in quickjs\.c for: b/);
  t.throws(() => withChanges("b b", changes), /2 places/);
});

t.test("no change is made for what another one has put in", async (t) => {
  const all = [...FIXES, ...END_OF_MEMORY, ...STRICT_JSON, ...SPEED, ...TEXT_SPEED];
  for (const { find } of all) {
    const others = all.filter((change) => change.find !== find);
    t.notOk(
      others.some((change) => change.replace.includes(find)),
      find,
    );
  }
});
