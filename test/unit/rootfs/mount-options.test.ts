// What the words of a mount's options become.

import t from "tap";
import * as linux from "../../../src/linux/mount.ts";
import { MOUNT_OPTION_NAMES, parseMountOptions } from "../../../src/rootfs/mount-options.ts";

const nothing = {
  setFlags: 0,
  clearFlags: 0,
  propagation: [],
  recSet: 0,
  recClear: 0,
  data: [],
  extensions: new Set(),
};

t.test("no options mean nothing, and so does the word defaults", async (t) => {
  t.same(parseMountOptions([]), nothing);
  t.same(parseMountOptions(["defaults"]), nothing);
});

t.test("flags are collected, and what is no option is data for the file system", async (t) => {
  const { MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_STRICTATIME } = linux;
  t.same(parseMountOptions(["nosuid", "strictatime", "mode=755", "nodev", "size=65536k", "noexec"]), {
    ...nothing,
    setFlags: MS_NOSUID | MS_STRICTATIME | MS_NODEV | MS_NOEXEC,
    data: ["mode=755", "size=65536k"],
  });
});

t.test("a later word overrides an earlier one, and what is to be cleared is remembered", async (t) => {
  t.same(parseMountOptions(["ro", "rw"]), { ...nothing, clearFlags: linux.MS_RDONLY });
  t.same(parseMountOptions(["rw", "ro"]), { ...nothing, setFlags: linux.MS_RDONLY });
});

t.test("rbind is a recursive bind, and propagation types keep their order", async (t) => {
  const { MS_BIND, MS_REC, MS_PRIVATE, MS_SHARED } = linux;
  t.same(parseMountOptions(["rbind", "private", "rshared"]), {
    ...nothing,
    setFlags: MS_BIND | MS_REC,
    propagation: [MS_PRIVATE, MS_SHARED | MS_REC],
  });
});

t.test("recursive attributes go to mount_setattr", async (t) => {
  t.same(parseMountOptions(["rro", "rnosuid"]), {
    ...nothing,
    recSet: linux.MOUNT_ATTR_RDONLY | linux.MOUNT_ATTR_NOSUID,
  });
  t.same(parseMountOptions(["rro", "rrw"]), { ...nothing, recClear: linux.MOUNT_ATTR_RDONLY });
  t.same(parseMountOptions(["rrw", "rro"]), { ...nothing, recSet: linux.MOUNT_ATTR_RDONLY });
});

t.test("an access time mode replaces the field as a whole", async (t) => {
  const { MOUNT_ATTR__ATIME, MOUNT_ATTR_NOATIME, MOUNT_ATTR_STRICTATIME } = linux;
  const cases: [string[], number][] = [
    [["rnoatime"], MOUNT_ATTR_NOATIME],
    [["rstrictatime"], MOUNT_ATTR_STRICTATIME],
    [["rrelatime"], 0],
    [["rnoatime", "rrelatime"], 0],
    [["rnoatime", "rstrictatime"], MOUNT_ATTR_STRICTATIME],
    [["rnoatime", "ratime"], 0],
  ];
  for (const [options, recSet] of cases) {
    t.same(parseMountOptions(options), { ...nothing, recSet, recClear: MOUNT_ATTR__ATIME }, options.join());
  }
});

t.test("tmpcopyup and id-mapped mounts are tsrun's own work", async (t) => {
  t.same(parseMountOptions(["tmpcopyup", "ridmap"]), {
    ...nothing,
    extensions: new Set(["tmpcopyup", "ridmap"]),
  });
});

t.test("a word that JavaScript objects inherit is data", async (t) => {
  t.same(parseMountOptions(["constructor"]).data, ["constructor"]);
});

t.test("the list for features holds what callers look for, sorted", async (t) => {
  t.same(MOUNT_OPTION_NAMES, [...MOUNT_OPTION_NAMES].sort());
  for (const name of ["rro", "tmpcopyup", "rprivate", "rbind"]) t.ok(MOUNT_OPTION_NAMES.includes(name), name);
  t.notOk(MOUNT_OPTION_NAMES.includes("idmap"));
});
