// The words of mount options: which are tsrun's own, and which of them `features` prints.

import t from "tap";
import { MOUNT_OPTION_NAMES } from "../../../src/rootfs/plan/mount-options.ts";
import { isMountWord, MOUNT_WORDS } from "../../../src/spec/mount-words.ts";

t.test("features prints every word but the two that have a key of their own", async (t) => {
  t.strictSame([...MOUNT_WORDS].sort(), [...MOUNT_OPTION_NAMES, "idmap", "ridmap"].sort());
});

t.test("isMountWord takes whole words", async (t) => {
  t.equal(isMountWord("rbind"), true);
  t.equal(isMountWord("unbindable"), true, "the last one");
  t.equal(isMountWord("async"), true, "the first one");
  for (const option of ["", "bin", "size=3", "ro rprivate", " ro "])
    t.equal(isMountWord(option), false, option);
});
