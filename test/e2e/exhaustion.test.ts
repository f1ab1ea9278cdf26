// tsrun itself runs out of something. Of memory, at one point of a create after the other: one line says so,
// and what had been made is taken back. Of descriptors: it does not take what it cannot read for gone.

import { statSync } from "node:fs";
import { behaviour, nothingLeft, refused, tsrunOnly } from "../support/behaviour.ts";
import { Container, mustSucceed } from "../support/container.ts";
import { findProgram } from "../support/host.ts";
import { plainEnv, runtimePath } from "../support/runtime.ts";

const KIB = 1024;
/** Of address space, beyond the executable: from where it cannot begin, to where only its child cannot. */
const STEPS = Array.from({ length: 48 }, (_, step) => step * 32 * KIB);
/** KiB of environment: where the memory ends depends on them, and what is said then must not. */
const ENVIRONMENTS = [0, 1, 4, 16, 64];
/** Steps that each environment leaves to the others. */
const STRIDE = 3;

/** Variables of 64 bytes each. */
function variables(kib: number): Record<string, string> {
  const names = Array.from({ length: kib * 16 }, (_, index) => `FILLER_${index}`);
  return Object.fromEntries(names.map((name) => [name, "x".repeat(62 - name.length)]));
}

const needsPrlimit = findProgram("prlimit") === undefined ? "needs prlimit (package util-linux)" : undefined;

behaviour(
  "a create that has no memory for itself says so, and leaves nothing",
  async (t, lab) => {
    const box = lab.container();
    const size = statSync(runtimePath).size;
    const words = new Set<string>();
    for (const [index, kib] of ENVIRONMENTS.entries()) {
      const env = { ...plainEnv, ...variables(kib) };
      for (const beyond of STEPS.filter((_, step) => step % STRIDE === index % STRIDE)) {
        const wrapper = ["prlimit", `--as=${size + beyond}`];
        const { code, stderr } = await box.create({ wrapper, env });
        const where = `with ${beyond / KIB} KiB, ${kib} KiB of environment`;
        t.not(code, 0, where);
        // Before the engine is up there is nobody to say anything, and nothing to take back.
        const [said] = /out of memory|ended unexpectedly/.exec(stderr) ?? [];
        if (said !== undefined) words.add(said);
        else t.notMatch(stderr, /level=error/, where);
        t.notMatch(stderr, /internal error|\n./, where);
        await nothingLeft(t, lab, where);
      }
    }
    t.strictSame([...words].sort(), ["ended unexpectedly", "out of memory"]);
  },
  needsPrlimit,
  tsrunOnly("its engine has other limits"),
);

behaviour(
  "a command that may not open another file leaves the container as it is",
  async (t, lab) => {
    const box = lab.container(Container.script("exec sleep 1000"));
    mustSucceed(await box.run({ flags: ["--detach"] }));
    // Three are taken, and one more holds the container's directory.
    const wrapper = ["prlimit", "--nofile=4"];
    const line = /cannot read the state of container ".*": cannot open "state.json": too many open files/;
    refused(t, await box.state({ wrapper }), line);
    refused(t, await box.kill("KILL", { wrapper }), line);
    refused(t, await box.delete({ wrapper, flags: ["--force"] }), line);
    t.equal((await box.stateDocument()).status, "running");
    mustSucceed(await box.delete({ flags: ["--force"] }));
    await nothingLeft(t, lab, "after delete");
  },
  needsPrlimit,
  tsrunOnly("it needs more for itself"),
);
