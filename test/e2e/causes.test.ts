// The broken bundles of bundle-fixtures/broken/: tsrun's one line names the thing, the cause and the next
// step of each. Other runtimes are only counted; SAVE=1 keeps the results for docs/errors.md.

import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { behaviour, type Condition, nothingLeft } from "../support/behaviour.ts";
import { type Broken, type Judgement, judge, RESULTS, readBroken, tryBroken } from "../support/broken.ts";
import { renewErrorsPage } from "../support/errors-page.ts";
import { cgroupHierarchies } from "../support/host.ts";
import type { Lab } from "../support/lab.ts";
import { isCrun, isTsrun, runtimeKind } from "../support/runtime.ts";
import { needsOwnSystemd } from "../support/user.ts";
import { needsCall } from "../support/without.ts";

const all = readBroken();
const results: Record<string, Judgement> = {};

/** mount(2) does not say which option it does not know; fsopen(2) does. */
const namesOptions = needsCall("fsopen", "the name of an option that the kernel does not know");

/** Limits are those of a user namespace around the runtime, in which it is no administrator's. */
function reasonToSkip({ name, limits }: Broken): Condition {
  if (name === "mount-misspelt-option") return namesOptions;
  return limits === undefined ? undefined : needsOwnSystemd;
}

/** crun leaves its cgroups if it cannot set the processors; on v1 its `delete --force` does so, too. */
function removeCgroups(lab: Lab): void {
  for (const { mountpoint } of cgroupHierarchies()) {
    try {
      rmdirSync(join(mountpoint, `${lab.mark}-1`));
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
    }
  }
}

for (const broken of all) {
  behaviour(
    `it is said what is wrong: ${broken.what}`,
    async (t, lab) => {
      if (isCrun && broken.name === "cpuset-beyond") lab.atClose(() => removeCgroups(lab));
      const { result, said } = await tryBroken(lab, broken);
      const judged = judge(said, broken);
      results[broken.name] = judged;
      t.comment(`${broken.name}: ${Object.values(judged).map(Number).join("")}: ${said.trim()}`);
      if (!isTsrun) return;
      t.not(result.code, 0);
      t.strictSame(judged, { thing: true, cause: true, next: true }, said);
      t.equal(result.stderr.trimEnd().split("\n").length, 1, "one line on stderr");
      await nothingLeft(t, lab, "after the failure");
    },
    reasonToSkip(broken),
  );
}

t.test("all of them are there, and each was tried", (t) => {
  const count = (of: keyof Judgement): number => Object.values(results).filter((one) => one[of]).length;
  const counts = { thing: count("thing"), cause: count("cause"), next: count("next") };
  t.comment(`${runtimeKind}: of ${all.length} ${JSON.stringify(counts)}`);
  t.equal(all.length, 60);
  const tried = all.filter((broken) => reasonToSkip(broken) === undefined).length;
  t.equal(Object.keys(results).length, tried);
  if (isTsrun) t.strictSame(counts, { thing: tried, cause: tried, next: tried });
  if (process.env.SAVE === "1") {
    mkdirSync(RESULTS, { recursive: true });
    writeFileSync(`${RESULTS}/${runtimeKind}.json`, `${JSON.stringify(results, null, 2)}\n`);
    writeFileSync("docs/errors.md", renewErrorsPage(readFileSync("docs/errors.md", "utf8")));
  }
  t.end();
});
