// The meaning of the words in a mount's options.

import t from "tap";
import * as linux from "../../../src/linux/numbers/mount.ts";
import { MOUNT_OPTION_NAMES, parseMountOptions } from "../../../src/rootfs/plan/mount-options.ts";

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

/** What a word is for, in the words of mount(2): "+" sets, "-" clears; behind "r" for the whole tree. */
const WORDS: Readonly<Record<string, string>> = {
  async: "-MS_SYNCHRONOUS",
  atime: "-MS_NOATIME",
  bind: "+MS_BIND",
  dev: "-MS_NODEV",
  diratime: "-MS_NODIRATIME",
  dirsync: "+MS_DIRSYNC",
  exec: "-MS_NOEXEC",
  iversion: "+MS_I_VERSION",
  lazytime: "+MS_LAZYTIME",
  loud: "-MS_SILENT",
  mand: "+MS_MANDLOCK",
  noatime: "+MS_NOATIME",
  nodev: "+MS_NODEV",
  nodiratime: "+MS_NODIRATIME",
  noexec: "+MS_NOEXEC",
  noiversion: "-MS_I_VERSION",
  nolazytime: "-MS_LAZYTIME",
  nomand: "-MS_MANDLOCK",
  norelatime: "-MS_RELATIME",
  nostrictatime: "-MS_STRICTATIME",
  nosuid: "+MS_NOSUID",
  nosymfollow: "+MS_NOSYMFOLLOW",
  relatime: "+MS_RELATIME",
  remount: "+MS_REMOUNT",
  ro: "+MS_RDONLY",
  rw: "-MS_RDONLY",
  silent: "+MS_SILENT",
  strictatime: "+MS_STRICTATIME",
  suid: "-MS_NOSUID",
  symfollow: "-MS_NOSYMFOLLOW",
  sync: "+MS_SYNCHRONOUS",
};

/** As <linux/mount.h> has them. */
const FLAGS: Readonly<Record<string, number>> = {
  MS_RDONLY: 1,
  MS_NOSUID: 2,
  MS_NODEV: 4,
  MS_NOEXEC: 8,
  MS_SYNCHRONOUS: 16,
  MS_REMOUNT: 32,
  MS_MANDLOCK: 64,
  MS_DIRSYNC: 128,
  MS_NOSYMFOLLOW: 256,
  MS_NOATIME: 1024,
  MS_NODIRATIME: 2048,
  MS_BIND: 4096,
  MS_SILENT: 32768,
  MS_RELATIME: 1 << 21,
  MS_I_VERSION: 1 << 23,
  MS_STRICTATIME: 1 << 24,
  MS_LAZYTIME: 1 << 25,
};

t.test("every word for one mount sets or clears its flag", async (t) => {
  for (const [word, meaning] of Object.entries(WORDS)) {
    const flag = FLAGS[meaning.slice(1)] ?? 0;
    const flags = meaning.startsWith("+") ? { setFlags: flag } : { clearFlags: flag };
    t.same(parseMountOptions([word]), { ...nothing, ...flags }, word);
  }
});

t.test("every word for a tree of mounts sets or clears its attribute", async (t) => {
  const attributes = { ro: 1, nosuid: 2, nodev: 4, noexec: 8, nodiratime: 0x80, nosymfollow: 0x200000 };
  const opposites = { ro: "rw", nosuid: "suid", nodev: "dev", noexec: "exec", nodiratime: "diratime" };
  for (const [word, attribute] of Object.entries(attributes)) {
    t.same(parseMountOptions([`r${word}`]), { ...nothing, recSet: attribute }, `r${word}`);
    const opposite = `r${{ ...opposites, nosymfollow: "symfollow" }[word]}`;
    t.same(parseMountOptions([opposite]), { ...nothing, recClear: attribute }, opposite);
    t.same(
      parseMountOptions([opposite, `r${word}`]),
      { ...nothing, recSet: attribute },
      `${opposite},r${word}`,
    );
    t.same(
      parseMountOptions([`r${word}`, opposite]),
      { ...nothing, recClear: attribute },
      `r${word},${opposite}`,
    );
  }
  const times = {
    rrelatime: 0,
    rnoatime: 0x10,
    rstrictatime: 0x20,
    ratime: 0,
    rnorelatime: 0,
    rnostrictatime: 0,
  };
  for (const [word, recSet] of Object.entries(times)) {
    t.same(parseMountOptions([word]), { ...nothing, recSet, recClear: 0x70 }, word);
  }
  t.same(parseMountOptions(["rstrictatime", "rnostrictatime"]), { ...nothing, recClear: 0x70 });
  t.same(parseMountOptions(["rstrictatime", "ro"]), {
    ...nothing,
    recSet: 0x20,
    recClear: 0x70,
    setFlags: 1,
  });
});

t.test("every propagation type, for one mount and for a tree", async (t) => {
  const types = { unbindable: 1 << 17, private: 1 << 18, slave: 1 << 19, shared: 1 << 20 };
  for (const [word, flag] of Object.entries(types)) {
    t.same(parseMountOptions([word]), { ...nothing, propagation: [flag] }, word);
    t.same(parseMountOptions([`r${word}`]), { ...nothing, propagation: [flag | (1 << 14)] }, `r${word}`);
  }
});

t.test("what tsrun does itself, and nothing beside it, is left over", async (t) => {
  const own = ["copy-symlink", "dest-nofollow", "idmap", "ridmap", "src-nofollow", "tmpcopyup"];
  for (const word of own)
    t.same(parseMountOptions([word]), { ...nothing, extensions: new Set([word]) }, word);
  const trees = [
    "rbind",
    "rprivate",
    "rshared",
    "rslave",
    "runbindable",
    "private",
    "shared",
    "slave",
    "unbindable",
  ];
  const recursive = Object.keys(WORDS)
    .filter((word) => !/^(a?sync|bind|dirsync|.*iversion|.*lazytime|loud|silent|.*mand|remount)$/.test(word))
    .map((word) => `r${word}`);
  const all = [
    "defaults",
    ...own.filter((word) => !word.endsWith("idmap")),
    ...Object.keys(WORDS),
    ...trees,
    ...recursive,
  ];
  t.strictSame(MOUNT_OPTION_NAMES, all.sort());
});

t.test("options that begin alike are told apart, and the same ones read once", async (t) => {
  t.equal(parseMountOptions(["ro", "nodev"]), parseMountOptions(["ro", "nodev"]));
  t.same(parseMountOptions(["ro"]), { ...nothing, setFlags: 1 });
  t.same(parseMountOptions(["ro", "nodev", "size=1k"]), { ...nothing, setFlags: 5, data: ["size=1k"] });
  t.same(parseMountOptions(["nodev", "ro"]), { ...nothing, setFlags: 5 });
});
