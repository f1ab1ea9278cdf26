// The list of mount options of the check, held to the table of the mount plan.

import t from "tap";
import { MOUNT_OPTION_NAMES } from "../../../src/rootfs/plan/mount-options.ts";
import { isMountWord, MOUNT_WORDS } from "../../../src/spec/mount-words.ts";

t.test("the words are those of the table that says what they mean", async (t) => {
  t.strictSame([...MOUNT_WORDS].sort(), [...MOUNT_OPTION_NAMES, "idmap", "ridmap"].sort());
});

t.test("isMountWord takes whole words", async (t) => {
  t.equal(isMountWord("rbind"), true);
  t.equal(isMountWord("unbindable"), true, "the last one");
  t.equal(isMountWord("async"), true, "the first one");
  for (const option of ["", "bin", "size=3", "ro rprivate", " ro "])
    t.equal(isMountWord(option), false, option);
});
