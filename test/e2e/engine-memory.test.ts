// tsrun itself runs out of memory, at one point of a create after the other: one line says so, and what had
// been made is taken back.

import { statSync } from "node:fs";
import { behaviour, nothingLeft, tsrunOnly } from "../support/behaviour.ts";
import { findProgram } from "../support/host.ts";
import { runtimePath } from "../support/runtime.ts";

const KIB = 1024;
/** Of address space, beyond the executable: from where it cannot begin, to where only its child cannot. */
const STEPS = Array.from({ length: 48 }, (_, step) => step * 32 * KIB);

const needsPrlimit = findProgram("prlimit") === undefined ? "needs prlimit (package util-linux)" : undefined;

behaviour(
  "a create that has no memory for itself says so, and leaves nothing",
  async (t, lab) => {
    const box = lab.container();
    const size = statSync(runtimePath).size;
    const words = new Set<string>();
    for (const beyond of STEPS) {
      const wrapper = ["prlimit", `--as=${size + beyond}`];
      const { code, stderr } = await box.create({ wrapper });
      t.not(code, 0);
      // Before the engine is up there is nobody to say anything, and nothing to take back.
      const [said] = /out of memory|ended unexpectedly/.exec(stderr) ?? [];
      if (said !== undefined) words.add(said);
      else t.notMatch(stderr, /internal error/);
      await nothingLeft(t, lab, `with ${beyond / KIB} KiB`);
    }
    t.strictSame([...words].sort(), ["ended unexpectedly", "out of memory"]);
  },
  needsPrlimit,
  tsrunOnly("its engine has other limits"),
);
