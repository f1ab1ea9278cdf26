// checkpoint and restore when criu, the container or the images do not do what is expected of them. A script
// takes criu's place, so these cases run on any kernel.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { behaviour, nothingLeft, refused, tsrunOnly } from "../support/behaviour.ts";
import type { CallOptions, Container } from "../support/container.ts";
import {
  counter,
  countsOn,
  imagesOf,
  PATIENT,
  pretendedCriu,
  restore,
  runCounting,
} from "../support/criu.ts";
import { hasEnded, signalProcess } from "../support/host.ts";
import type { Lab } from "../support/lab.ts";
import type { Result } from "../support/runtime.ts";

t.setTimeout(600_000);

type Env = Record<string, string>;

function checkpoint(box: Container, env: Env, options: CallOptions = {}): Promise<Result> {
  const { flags = [], ...caller } = options;
  const words = ["checkpoint", "--image-path", imagesOf(box), ...flags, box.id];
  return box.lab.invoke(words, { ...PATIENT, env, ...caller });
}

/** A container without images that a restore would refuse. */
function withImages(lab: Lab): Container {
  const box = counter(lab);
  mkdirSync(imagesOf(box));
  writeFileSync(join(imagesOf(box), "descriptors.json"), '["","",""]');
  return box;
}

/** Checks that the container is as it was before a checkpoint that failed. */
async function untouched(t: Test, box: Container): Promise<void> {
  t.equal((await box.stateDocument()).status, "running");
  await countsOn(box);
}

behaviour(
  "criu that is killed has ended, also while a child of it has its socket open",
  async (t, lab) => {
    const child = join(lab.folder, "child");
    const env = pretendedCriu(lab, `sleep 1000 &\necho $! > ${child}\nkill -9 $$`);
    const box = withImages(lab);
    refused(
      t,
      await restore(box, { flags: ["-d"], env }),
      /criu failed: type RESTORE: it ended unexpectedly/,
    );
    t.ok(hasEnded(readFileSync(child, "utf8").trim()), "what was restored by then is ended");
    await nothingLeft(t, lab, "after restore");
    await runCounting(box);
    refused(t, await checkpoint(box, env), /criu failed: type DUMP: it ended unexpectedly/);
    await untouched(t, box);
    signalProcess(readFileSync(child, "utf8"), "SIGKILL");
  },
  tsrunOnly("waits for the socket alone"),
);

behaviour(
  "criu that ends without a word, or says too much or nonsense, is told in one sentence",
  async (t, lab) => {
    const box = withImages(lab);
    for (const [script, line] of [
      ["exit 0", /criu failed: type RESTORE: it ended unexpectedly/],
      [
        "head -c 50000 /dev/zero | dd bs=50000 iflag=fullblock 2>/dev/null >&3",
        /type RESTORE: it said more than 40960 bytes at once/,
      ],
      ["printf nonsense >&3", /type RESTORE: its answer is not as expected: cannot read a message/],
    ] as const) {
      refused(t, await restore(box, { flags: ["-d"], env: pretendedCriu(lab, script) }), line);
      await nothingLeft(t, lab, script);
      const early = pretendedCriu(lab, "", script === "exit 0" ? "exec 3>&-\nexit" : `${script}\nexit`);
      const words = new RegExp(line.source.replace("RESTORE", "VERSION"));
      refused(t, await restore(box, { flags: ["-d"], env: early }), words);
      await nothingLeft(t, lab, `${script} at once`);
    }
  },
  tsrunOnly("says it in other words"),
);
