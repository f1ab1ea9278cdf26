// Callers that have descriptors 0, 1 or 2 closed, on hosts whose /dev/null is not there, or is something
// else. What tsrun opens must not become one of them: log lines would go into it.

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { behaviour, nothingLeft, refused, tsrunOnly } from "../support/behaviour.ts";
import { Container, mustSucceed } from "../support/container.ts";
import { needsProgram } from "../support/program.ts";

const REFUSES = tsrunOnly("refuses most of these without a word, since it has no descriptor for one");
const UNSHARE = needsProgram("unshare", "util-linux");

/** The words before a command that change /dev for it alone, and then close descriptors. */
function closed(closing: string, change: string, before = ""): readonly string[] {
  const script = `${change} && exec ${before} "$@" ${closing}`;
  return ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh"];
}

/** Tells what each of its three descriptors does, and that it has run. */
const PROGRAM = `
read line; echo "read $?" >/told
echo out && echo "wrote 1" >>/told
echo err >&2 && echo "wrote 2" >>/told
echo done >>/told`;

/** What is closed, and what the program can write to all the same. */
const CLOSINGS: readonly (readonly [string, ...string[]])[] = [
  ["<&- >&- 2>&-"],
  ["<&- 2>&-", "wrote 1"],
  [">&- 2>&-"],
  ["<&- >&-", "wrote 2"],
  ["2>&-", "wrote 1"],
];

for (const [closing, ...wrote] of CLOSINGS) {
  behaviour(
    `with ${closing} and no /dev/null, what tsrun logs starts no program and damages no file`,
    async (t, lab) => {
      const box = lab.container(Container.script(PROGRAM));
      const told = join(box.rootfs, "told");
      const wrapper = closed(closing, "mount -t tmpfs none /dev");
      mustSucceed(await box.create({ wrapper, globals: ["--debug"] }));
      t.equal((await box.stateDocument()).status, "created", "it waits for start");
      t.notOk(existsSync(told), "and has not run");
      const kept = readFileSync(join(lab.stateRoot, box.id, "config.json"), "utf8");
      t.doesNotThrow(() => JSON.parse(kept) as unknown, "config.json has no log lines");
      mustSucceed(await box.start());
      await box.waitForStatus("stopped");
      const lines = readFileSync(told, "utf8").trimEnd().split("\n");
      // Writing to a descriptor that was closed fails, as it would without a runtime.
      t.strictSame(lines, ["read 1", ...wrote, "done"], "stdin is at its end, and no signal ended it");
      mustSucceed(await box.delete());
      await nothingLeft(t, lab, "after delete");
    },
    UNSHARE,
    REFUSES,
  );
}

behaviour(
  "a file in the place of /dev/null does not get what a container writes to a closed stdout",
  async (t, lab) => {
    const file = join(lab.folder, "null");
    writeFileSync(file, "");
    const box = lab.container(Container.script("echo kept; echo kept >&2; exit 5"));
    const wrapper = closed("<&- >&- 2>&-", `mount --bind ${file} /dev/null`);
    const { code } = await box.run({ wrapper });
    t.equal(code, 5, "the program has run");
    t.equal(readFileSync(file, "utf8"), "");
    await nothingLeft(t, lab, "after run");
  },
  UNSHARE,
  tsrunOnly("runc writes it there, crun ends by a segmentation fault"),
);

behaviour(
  "a closed descriptor that nothing can be put into is refused in one line",
  async (t, lab) => {
    const box = lab.container();
    const wrapper = closed("<&-", "mount -t tmpfs none /dev", "prlimit --nofile=0");
    const result = await box.create({ wrapper });
    refused(t, result, /cannot open descriptor 0, which is closed: \/dev\/null .*: too many open files/);
    await nothingLeft(t, lab, "after the refusal");
  },
  UNSHARE,
  REFUSES,
);
