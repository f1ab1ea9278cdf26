// MS_ flags as attributes: the kernel's rules for new mounts, remounts and locked flags.

import t from "tap";
import {
  MOUNT_ATTR__ATIME,
  MOUNT_ATTR_NOATIME,
  MOUNT_ATTR_NODEV,
  MOUNT_ATTR_NODIRATIME,
  MOUNT_ATTR_NOEXEC,
  MOUNT_ATTR_NOSUID,
  MOUNT_ATTR_NOSYMFOLLOW,
  MOUNT_ATTR_RDONLY,
  MOUNT_ATTR_RELATIME,
  MOUNT_ATTR_STRICTATIME,
  MS_BIND,
  MS_DIRSYNC,
  MS_NOATIME,
  MS_NODEV,
  MS_NODIRATIME,
  MS_NOEXEC,
  MS_NOSUID,
  MS_RDONLY,
  MS_REC,
  MS_RELATIME,
  MS_STRICTATIME,
  MS_SYNCHRONOUS,
} from "../../../src/linux/numbers/mount.ts";
import {
  attributeChange,
  changesBind,
  flagsOfStatfs,
  keepLocked,
  lockedWords,
  mountAttributes,
  superblockFlags,
} from "../../../src/rootfs/plan/attributes.ts";

const PLAIN =
  MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NOSYMFOLLOW;

t.test("a new mount has what was asked for, and relatime unless something else was", async (t) => {
  t.equal(mountAttributes(0), 0);
  t.equal(mountAttributes(MS_NOSUID | MS_NODEV), MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
  t.equal(mountAttributes(MS_NOATIME), MOUNT_ATTR_NOATIME);
  t.equal(mountAttributes(MS_STRICTATIME | MS_NOATIME), MOUNT_ATTR_STRICTATIME, "as do_mount() has it");
  t.equal(mountAttributes(MS_RELATIME | MS_NODIRATIME), MOUNT_ATTR_NODIRATIME);
});

t.test("flags of the super block go by their names", async (t) => {
  t.same(superblockFlags(MS_RDONLY | MS_SYNCHRONOUS | MS_DIRSYNC | MS_NODEV), ["ro", "sync", "dirsync"]);
});

t.test("a remount clears what was not asked for, but leaves the times of access alone", async (t) => {
  const ro = attributeChange(MS_BIND | MS_REC | MS_RDONLY);
  t.same(ro, { set: MOUNT_ATTR_RDONLY, clear: PLAIN & ~MOUNT_ATTR_RDONLY, flags: MS_RDONLY });
  const noatime = attributeChange(MS_BIND | MS_NOATIME);
  t.equal(noatime.set, MOUNT_ATTR_NOATIME);
  t.equal(noatime.clear, PLAIN | MOUNT_ATTR__ATIME | MOUNT_ATTR_NODIRATIME);
});

t.test("a bind mount is changed only when an option asks for it", async (t) => {
  t.notOk(changesBind({ setFlags: MS_BIND | MS_REC, clearFlags: 0 }));
  t.ok(changesBind({ setFlags: MS_BIND | MS_RDONLY, clearFlags: 0 }));
  t.ok(changesBind({ setFlags: MS_BIND, clearFlags: MS_NOEXEC }));
});

t.test("statfs flags are read back as the flags of mount(2)", async (t) => {
  t.equal(flagsOfStatfs(0x1000 | 0x20 | 1), MS_RELATIME | MS_RDONLY, "ST_VALID is no flag");
  t.equal(flagsOfStatfs(2), MS_NOSUID | MS_STRICTATIME, "strictatime is the absence of the others");
});

t.test("locked flags stay, unless that is not what was asked for", async (t) => {
  const current = MS_NOSUID | MS_NODEV | MS_NOATIME;
  const kept = keepLocked({ setFlags: MS_BIND | MS_RDONLY, clearFlags: 0, current });
  t.equal(kept?.set, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
  t.equal(kept?.clear, MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NOSYMFOLLOW);
  t.equal(kept?.flags, MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOATIME);
  t.equal(keepLocked({ setFlags: MS_BIND, clearFlags: MS_NODEV, current }), undefined);
  t.equal(keepLocked({ setFlags: MS_BIND | MS_RELATIME, clearFlags: 0, current }), undefined);
});

t.test("locked flags that were to be taken away are named", async (t) => {
  const current = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOATIME;
  const none = { setFlags: MS_BIND, clearFlags: 0, recursive: undefined };
  t.strictSame(lockedWords(none, current), []);
  t.strictSame(lockedWords({ ...none, clearFlags: MS_RDONLY | MS_NODEV | MS_NOEXEC }, current), [
    "ro",
    "nodev",
  ]);
  t.strictSame(lockedWords({ ...none, setFlags: MS_BIND | MS_RELATIME }, current), ["noatime"]);
  const recursive = { set: MOUNT_ATTR_RELATIME, clear: MOUNT_ATTR_NOSUID | MOUNT_ATTR__ATIME };
  t.strictSame(lockedWords({ ...none, recursive }, current), ["nosuid", "noatime"]);
});
